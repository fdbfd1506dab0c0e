/**
 * What a run does itself, beside the processes that it watches, must not fail because a store is just restarting.
 */
/** Tries again for a while: the store may just be restarting. */
export async function retried<Result>(run: () => Promise<Result>): Promise<Result> {
  for (let left = 50; ; left--) {
    try {
      return await run();
    } catch (error) {
      if (left === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}
