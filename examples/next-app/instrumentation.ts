import { isTokenProblem } from "@/lib/problems";

/** Next calls it once, when the server starts: mistakes show up here rather than at the first sign-in. */
export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME === "nodejs") {
    const [{ check }, { migrateGrantStore }] = [
      await import("@/lib/auth"),
      await import("@/lib/grant-store"),
    ];
    try {
      await migrateGrantStore();
      await check();
    } catch (error) {
      // A store that is away may come back, so the app starts. Anything else has to be mended first.
      if (!isTokenProblem(error) || error.code !== "store_failed") throw error;
      console.error(`[example] ${error.message}`);
    }
  }
}
