/** What the guest reports of each test, one JSON object per line. */
export interface LabResult {
  readonly name: string;
  readonly wallMs: number;
  /** Why it failed; a test without it has passed. */
  readonly failure?: string;
}
