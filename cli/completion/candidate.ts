/** A possible completion at the cursor, with its description. */
export interface Candidate {
  readonly value: string;
  readonly meaning?: string;
}
