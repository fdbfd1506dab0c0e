import { describe, expect, it } from "vitest";
import { classifyThrow } from "../../src/oauth/classify-throw.ts";
import { SendAborted } from "../../src/oauth/send.ts";
import { brief } from "./support.ts";

const failed = (cause: object): Error => Object.assign(new TypeError("fetch failed"), { cause });
const coded = (code: string, more: object = {}): Error => Object.assign(new Error("x"), { code, ...more });

describe("an exception of fetch", () => {
  it.each([
    "ENOTFOUND",
    "EAI_AGAIN",
    "ECONNREFUSED",
    "UND_ERR_CONNECT_TIMEOUT",
    "CERT_HAS_EXPIRED",
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "ERR_TLS_CERT_ALTNAME_INVALID",
    "ERR_SSL_WRONG_VERSION_NUMBER",
  ])("with %s came before the first byte", (code) => {
    expect(brief(classifyThrow(failed(coded(code))))).toBe(`not_sent ${code.toLowerCase()}`);
  });

  it.each([
    "ECONNRESET",
    "EPIPE",
    "UND_ERR_SOCKET",
    "UND_ERR_HEADERS_TIMEOUT",
    "ETIMEDOUT",
    "ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC",
    "SOMETHING_NEW",
  ])("with %s may have been seen by the server", (code) => {
    expect(classifyThrow(failed(coded(code)))).toEqual({
      kind: "unknown",
      code: "reset",
      answered: false,
      detail: code,
    });
  });

  it("with several addresses was sent unless each of them failed before", () => {
    const refused = coded("ECONNREFUSED");

    expect(
      brief(
        classifyThrow(
          failed(Object.assign(new AggregateError([refused, refused]), { code: "ECONNREFUSED" })),
        ),
      ),
    ).toBe("not_sent econnrefused");
    expect(brief(classifyThrow(failed(new AggregateError([refused, coded("ECONNRESET")]))))).toBe(
      "unknown reset",
    );
  });

  it.each(["EHOSTUNREACH", "EHOSTDOWN", "ENETUNREACH", "ENETDOWN", "ETIMEDOUT"])(
    "with %s came before the first byte where it failed to connect, and nowhere else (X3)",
    (code) => {
      expect(brief(classifyThrow(failed(coded(code, { syscall: "connect" }))))).toBe(
        `not_sent ${code.toLowerCase()}`,
      );
      for (const syscall of ["read", "write", "writev", undefined])
        expect(brief(classifyThrow(failed(coded(code, { syscall }))))).toBe("unknown reset");
    },
  );

  it("of a socket that closed in the TLS handshake came before the first byte", () => {
    const handshake = Object.assign(
      new Error("Client network socket disconnected before secure TLS connection was established"),
      { code: "ECONNRESET" },
    );

    expect(brief(classifyThrow(failed(handshake)))).toBe("not_sent econnreset");
  });

  it("by a signal is a timeout", () => {
    for (const error of [
      new SendAborted(),
      new DOMException("x", "AbortError"),
      new DOMException("x", "TimeoutError"),
    ])
      expect(classifyThrow(error)).toEqual({ kind: "unknown", code: "timeout", answered: false });
  });

  it("that is no error at all is unknown, and one that contains itself ends", () => {
    const circular = new Error("x");
    circular.cause = circular;

    for (const odd of [undefined, null, "ENOTFOUND", 7, {}, circular])
      expect(brief(classifyThrow(odd))).toBe("unknown reset");
  });

  it("tells nothing of its message", () => {
    expect(JSON.stringify(classifyThrow(new Error("CANARY")))).not.toContain("CANARY");
  });
});
