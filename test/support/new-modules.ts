/** Loads the sources anew for each test file of a process, so that what is said once in a process is said to each. */
import { vi } from "vitest";

vi.resetModules();
