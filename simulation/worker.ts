/**
 * A child process that runs every n-th seed of a range and sends its sums to its parent.
 *
 * @module
 */
import { summarise, type Work } from "./work.ts";

process.on("message", (work: Work) => {
  summarise(work).then(
    (summary) => {
      process.send?.(summary);
      process.disconnect();
    },
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
