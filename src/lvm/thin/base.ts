import * as v from 'valibot';
import { bounds } from '../../limits.ts';

const name = v.pipe(v.string(), v.maxLength(bounds.maxIdentityCharacters), v.regex(/^[\w+.][\w+.-]*$/));
const uuid = v.pipe(v.string(), v.maxLength(bounds.maxIdentityCharacters), v.regex(/^[\w-]+$/));

const schema = v.object({
  groupName: name,
  groupUuid: uuid,
  /** Of the snapshot. Only this identifies it: LVM gives names and thin ids again. */
  uuid,
  name,
  originUuid: uuid,
  poolUuid: uuid,
  sizeBytes: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
});

/** A thin snapshot that was kept: what the target held after a run. Plain JSON, for the state file. */
export type Base = Readonly<v.InferOutput<typeof schema>>;

/** @returns undefined for anything that {@link Base} does not describe. */
export function parseBase(value: unknown): Base | undefined {
  const parsed = v.safeParse(schema, value);
  return parsed.success ? parsed.output : undefined;
}
