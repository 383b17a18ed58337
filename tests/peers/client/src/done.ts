import type { RefusedFragment } from "./generated.js";

/** A command was refused: what it says is for the person who gave it. */
export class Refused extends Error {
  constructor(readonly userErrors: RefusedFragment[]) {
    super(userErrors.map((error) => error.message).join(" "));
  }
}

/** The subject of a payload, or every reason why there is none. */
export function done<Subject>(subject: Subject | null, userErrors: RefusedFragment[]): Subject {
  if (userErrors.length > 0 || subject === null) {
    throw new Refused(userErrors);
  }
  return subject;
}
