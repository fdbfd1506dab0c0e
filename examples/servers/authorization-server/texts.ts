/**
 * The words of the authorization server's pages, in English and Korean.
 *
 * @module
 */

/** A language of the pages. */
export type Language = "en" | "ko";

/** Every text of the pages. */
export interface Texts {
  readonly signIn: string;
  readonly continueTo: string;
  readonly username: string;
  readonly password: string;
  readonly wrong: string;
  readonly demoLogins: string;
  readonly demoNote: string;
  readonly cancel: string;
  readonly errorTitle: string;
  readonly errorHint: string;
  readonly expiredTitle: string;
  readonly expiredHint: string;
  readonly details: string;
  readonly signOutTitle: string;
  readonly signOut: string;
  readonly stay: string;
  readonly signedOutTitle: string;
  readonly signedOutHint: string;
  readonly serverName: string;
}

/** The texts by language. */
export const TEXTS: Readonly<Record<Language, Texts>> = {
  en: {
    signIn: "Sign in",
    continueTo: "to continue to nolapse example",
    username: "Name",
    password: "Password",
    wrong: "That name and password do not belong together.",
    demoLogins: "Demo logins",
    demoNote: "This server is part of the demonstration and runs on your machine.",
    cancel: "Cancel",
    errorTitle: "That did not work",
    errorHint: "The application sent a request that this server cannot answer. Go back and try again.",
    expiredTitle: "This sign-in is over",
    expiredHint: "It was finished or left alone for too long. Go back to the application and sign in again.",
    details: "Details",
    signOutTitle: "Sign out here too?",
    signOut: "Sign out",
    stay: "Stay signed in",
    signedOutTitle: "You are signed out",
    signedOutHint: "You can close this page.",
    serverName: "Demo authorization server",
  },
  ko: {
    signIn: "로그인",
    continueTo: "nolapse 예제로 계속합니다",
    username: "이름",
    password: "비밀번호",
    wrong: "이름과 비밀번호가 맞지 않습니다.",
    demoLogins: "데모 계정",
    demoNote: "이 서버는 데모의 일부이며 이 컴퓨터에서 실행됩니다.",
    cancel: "취소",
    errorTitle: "요청을 처리하지 못했습니다",
    errorHint: "애플리케이션이 보낸 요청에 이 서버가 답할 수 없습니다. 돌아가서 다시 시도해 주세요.",
    expiredTitle: "이 로그인은 끝났습니다",
    expiredHint: "이미 완료되었거나 너무 오래 기다렸습니다. 애플리케이션으로 돌아가 다시 로그인해 주세요.",
    details: "자세히",
    signOutTitle: "여기에서도 로그아웃할까요?",
    signOut: "로그아웃",
    stay: "로그인 유지",
    signedOutTitle: "로그아웃되었습니다",
    signedOutHint: "이 페이지를 닫아도 됩니다.",
    serverName: "데모 인가 서버",
  },
};

/** How many language tags of a header are looked at. */
const MAX_TAGS = 20;

/** `ui_locales` decides before `Accept-Language`; English where neither names a language that there is. */
export function chooseLanguage(uiLocales: string | undefined, acceptLanguage: string | undefined): Language {
  const asked = (uiLocales ?? "").split(" ").slice(0, MAX_TAGS);
  const accepted = (acceptLanguage ?? "")
    .split(",")
    .slice(0, MAX_TAGS)
    .map((part) => {
      const [tag = "", quality = ""] = part.trim().split(/\s*;\s*q=/);
      return { tag, quality: quality === "" ? 1 : Number(quality) || 0 };
    })
    .filter(({ quality }) => quality > 0)
    .sort((a, b) => b.quality - a.quality)
    .map(({ tag }) => tag);
  for (const tag of [...asked, ...accepted]) {
    const language = tag.toLowerCase().split("-")[0];
    if (language === "ko" || language === "en") return language;
  }
  return "en";
}
