/**
 * Gives a process React 18 wherever somebody asks for React: the sources, next-auth and the testing library alike.
 * For `node --import`.
 */
import { registerHooks } from "node:module";

registerHooks({
  resolve(specifier, context, nextResolve) {
    const found = nextResolve(specifier, context);
    return {
      ...found,
      url: found.url.replace(/\/node_modules\/(react|react-dom)\//, "/node_modules/$1-18/"),
    };
  },
});
