/**
 * Checks what an application says of a server's rotation: a wrong word here ends the sessions that it was to save.
 *
 * @module
 */
import { InvalidOptionError } from "../core/errors.ts";
import type { RotationClass } from "../core/rotation.ts";
import { isRecord, kindOf } from "./kind-of.ts";

/** Whether the old refresh token helps within a window only. */
const HAS_WINDOW: Readonly<Record<RotationClass, boolean>> = {
  none: false,
  overlapping: false,
  idempotent: true,
  grace: true,
  last_wins: true,
  strict: false,
};

/** The shortest window that is believed: anything below was meant in seconds. */
const MIN_GRACE_MS = 1_000;

/** Refuses a rotation that makes no sense. @throws {@link InvalidOptionError} with what was given and the fix. */
export function checkRotation(option: string, rotation: unknown): void {
  if (rotation === undefined) return;
  if (!isRecord(rotation)) {
    throw new InvalidOptionError(
      option,
      `must be such as { class: "grace", graceMs: 30_000 }; got ${kindOf(rotation)}`,
    );
  }
  const { class: name, graceMs, accessTokensDie } = rotation;
  if (!isRotationClass(name)) {
    const names = Object.keys(HAS_WINDOW).map((each) => `"${each}"`);
    throw new InvalidOptionError(
      `${option}.class`,
      `must be one of ${names.join(", ")}; got ${typeof name === "string" ? JSON.stringify(name.slice(0, 40)) : kindOf(name)}`,
    );
  }
  checkGrace(`${option}.graceMs`, name, graceMs);
  if (accessTokensDie !== undefined && typeof accessTokensDie !== "boolean") {
    throw new InvalidOptionError(
      `${option}.accessTokensDie`,
      `must be true or false; got ${kindOf(accessTokensDie)}`,
    );
  }
}

function checkGrace(option: string, name: RotationClass, graceMs: unknown): void {
  const given = typeof graceMs === "number" ? String(graceMs) : kindOf(graceMs);
  if (!HAS_WINDOW[name]) {
    if (graceMs === undefined || graceMs === 0) return;
    throw new InvalidOptionError(
      option,
      `has no meaning where class is "${name}": leave it out, or say "grace", "last_wins" or "idempotent"; got ${given}`,
    );
  }
  const endless = name === "idempotent" && graceMs === Number.POSITIVE_INFINITY;
  if (endless || (typeof graceMs === "number" && Number.isFinite(graceMs) && graceMs >= MIN_GRACE_MS)) return;
  throw new InvalidOptionError(
    option,
    `must say for how many milliseconds after its first use the old refresh token still helps, ${MIN_GRACE_MS} or more, as class "${name}" has such a window (30 s is 30_000); got ${given}`,
  );
}

function isRotationClass(name: unknown): name is RotationClass {
  return typeof name === "string" && Object.hasOwn(HAS_WINDOW, name);
}
