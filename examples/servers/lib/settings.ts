/**
 * Reads the servers' settings from the environment. A wrong value ends the start with one line that names the
 * variable, what was given and what is allowed.
 *
 * @module
 */
import { mkdirSync } from "node:fs";
import { resolve } from "node:path";

/** A setting is wrong. The message is for the person who started the server. */
export class SettingError extends Error {
  override readonly name = "SettingError";
}

/** The variable's text, or the fallback where it is unset or empty. */
export function textSetting(name: string, fallback: string): string {
  const given = process.env[name];
  return given === undefined || given === "" ? fallback : given;
}

/** The variable's text. Throws {@link SettingError} with the reason if it is unset or empty. */
export function requireSetting(name: string, why: string): string {
  const given = textSetting(name, "");
  if (given === "") throw new SettingError(`${name} is not set: ${why}`);
  return given;
}

/** The variable as a whole number from `min` to `max`. Throws {@link SettingError} otherwise. */
export function numberSetting(name: string, fallback: number, min: number, max: number): number {
  const given = process.env[name];
  if (given === undefined || given === "") return fallback;
  const value = /^\d{1,9}$/.test(given) ? Number(given) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new SettingError(
    `${name} is "${given.slice(0, 40)}": it has to be a whole number from ${min} to ${max}`,
  );
}

/** The variable as an http(s) origin without a path, such as `http://127.0.0.1:4001`. */
export function originSetting(name: string, fallback: string): string {
  const given = textSetting(name, fallback);
  const url = URL.parse(given);
  if (url !== null && /^https?:$/.test(url.protocol) && url.pathname === "/" && url.search === "")
    return url.origin;
  throw new SettingError(
    `${name} is "${given.slice(0, 80)}": it has to be an http or https origin without a path`,
  );
}

/** The variable as a list of absolute URLs, separated by commas. */
export function urlListSetting(name: string, fallback: string): readonly string[] {
  const given = textSetting(name, fallback);
  const urls = given
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
  const wrong = urls.find((url) => !URL.canParse(url));
  if (wrong === undefined && urls.length > 0 && urls.length <= 50) return urls;
  throw new SettingError(
    `${name} has to be 1 to 50 absolute URLs separated by commas, got "${wrong ?? given.slice(0, 80)}"`,
  );
}

/** The folder of `DATA_DIR` (default `.data`), made for its owner alone if it is missing. */
export function dataFolder(): string {
  const folder = resolve(textSetting("DATA_DIR", ".data"));
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}
