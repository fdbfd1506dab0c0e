/**
 * Ways to sign in that appear when their variables are set.
 *
 * @module
 */
import Google from "next-auth/providers/google";
import Kakao from "next-auth/providers/kakao";
import Keycloak from "next-auth/providers/keycloak";
import Naver from "next-auth/providers/naver";

/** NextAuth's own entries of those whose variables are set. */
export function optionalProviders() {
  const google = clientOf("GOOGLE");
  const kakao = clientOf("KAKAO");
  const naver = clientOf("NAVER");
  const keycloak = clientOf("KEYCLOAK");
  const issuer = process.env.KEYCLOAK_ISSUER;
  // Google gives a refresh token only when asked for offline access, and only together with a consent.
  const authorization = { params: { access_type: "offline", prompt: "consent" } };
  return [
    ...(google ? [Google({ ...google, authorization })] : []),
    ...(kakao ? [Kakao(kakao)] : []),
    ...(naver ? [Naver(naver)] : []),
    ...(keycloak && issuer ? [Keycloak({ ...keycloak, issuer })] : []),
  ];
}

/** Ids and names of the providers that are a button of their own, beside the two bundled ones. */
export function extraProviders(): readonly { readonly id: string; readonly name: string }[] {
  return optionalProviders().map(({ id, name }) => ({ id, name }));
}

function clientOf(prefix: string): { clientId: string; clientSecret: string } | undefined {
  const clientId = process.env[`${prefix}_CLIENT_ID`];
  const clientSecret = process.env[`${prefix}_CLIENT_SECRET`];
  return clientId && clientSecret ? { clientId, clientSecret } : undefined;
}
