import { execFileSync } from 'node:child_process';
import { constants, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openInspected, type Place } from '../../src/device/open.ts';
import { directory, failureOf, fileOf, source, target } from './fixtures.ts';

describe('a path that leads to something else between the look and the opening', () => {
  const place = (path: string): Place => ({ side: 'local', role: 'source', path });

  it('is refused', async () => {
    const seen = statSync(fileOf(10), { bigint: true });
    const { code, message } = await failureOf(() =>
      openInspected(place(fileOf(10)), seen, constants.O_RDONLY),
    );
    expect(code).toBe('device');
    expect(message).toContain('was replaced by something else');
  });

  it('does not hang when that is a pipe', async () => {
    const seen = statSync(fileOf(10), { bigint: true });
    const pipe = join(directory(), 'pipe');
    execFileSync('mkfifo', [pipe]);
    const { message } = await failureOf(() => openInspected(place(pipe), seen, constants.O_RDONLY));
    expect(message).toContain('was replaced by something else');
  });
});

describe('what is refused', () => {
  it('leaves no descriptor open', async () => {
    const file = fileOf(10);
    const { identity } = await source(file);
    const first = await target(file);
    const openBefore = descriptors();
    await failureOf(() => target(file));
    await first.close();
    await failureOf(() => target(file, { sourceSizeBytes: 11 }));
    await failureOf(() => target(file, { sourceIdentity: identity }));
    await failureOf(() =>
      target(join(directory(), 'new'), { missing: 'create', sourceSizeBytes: 2 ** 53 - 1 }),
    );
    expect(descriptors()).toBe(openBefore - 1);
  });
});

function descriptors(): number {
  return readdirSync('/proc/self/fd').length;
}
