import { RequestFailed } from "./ask.js";

/** Tries three times. What is done must carry one idempotency key, made before the first try. */
export async function again<Data>(once: () => Promise<Data>): Promise<Data> {
  for (const waitMs of [200, 1_000]) {
    try {
      return await once();
    } catch (error) {
      if (error instanceof RequestFailed && error.status < 500) throw error; // it will not get better
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }
  return await once();
}
