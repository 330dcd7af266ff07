/** What may stand at the cursor, with what it means. */
export interface Candidate {
  readonly value: string;
  readonly meaning?: string;
}
