import { execFileSync } from 'node:child_process';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { isOnPath } from '../support/on-path.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { startCommand } from '../../rig/processes/command.ts';
import { runsIn } from './lists.fixture.ts';

/** What Debian's tools print, and an example from Ceph's documentation. Buffers have 64 KiB. */

const MiB = 1024 * 1024;
const sizeBytes = 16 * MiB;

// The tools come with thin-provisioning-tools, qemu-utils and libnbd-bin.
describe.skipIf(!isOnPath('thin_delta'))('thin_delta', () => {
  const metadata = `
    <superblock uuid="" time="2" transaction="3" flags="0" version="2" data_block_size="128" nr_data_blocks="1000">
      <device dev_id="1" mapped_blocks="6" transaction="0" creation_time="0" snap_time="1">
        <range_mapping origin_begin="0" data_begin="0" length="4" time="0"/>
        <range_mapping origin_begin="10" data_begin="20" length="2" time="0"/>
      </device>
      <device dev_id="2" mapped_blocks="7" transaction="1" creation_time="1" snap_time="1">
        <range_mapping origin_begin="0" data_begin="0" length="2" time="0"/>
        <range_mapping origin_begin="2" data_begin="30" length="2" time="1"/>
        <range_mapping origin_begin="11" data_begin="21" length="1" time="0"/>
        <range_mapping origin_begin="50" data_begin="60" length="2" time="1"/>
      </device>
    </superblock>`;

  test.each([[[]], [['--verbose']]])('names what differs, and what only one volume has: %j', (options) => {
    const file = metadataFile('thin_restore', metadata);
    const text = execFileSync('thin_delta', [...options, '--snap1', '1', '--snap2', '2', file]).toString();
    expect(runsIn(text, sizeBytes)).toEqual([
      [2, 4],
      [10, 11],
      [50, 52],
    ]);
    expect(
      runsIn(execFileSync('thin_delta', ['--snap1', '1', '--snap2', '1', file]).toString(), sizeBytes),
    ).toEqual([]);
  });
});

describe.skipIf(!isOnPath('era_invalidate'))('era_invalidate', () => {
  test('names the blocks that were written', () => {
    const file = metadataFile(
      'era_restore',
      `<superblock uuid="" block_size="128" nr_blocks="100" current_era="5">
         <era_array>
           <era block="3" era="4"/><era block="4" era="4"/><era block="9" era="2"/><era block="20" era="3"/>
         </era_array>
       </superblock>`,
    );
    const writtenSince = (era: number): number[][] => {
      const text = execFileSync('era_invalidate', ['--written-since', `${era}`, file]).toString();
      return runsIn(text, sizeBytes, { eraBlockBytes: 128 * 512 });
    };
    expect(writtenSince(3)).toEqual([
      [3, 5],
      [20, 21],
    ]);
    expect(writtenSince(5)).toEqual([]);
  });
});

describe.skipIf(!isOnPath('qemu-nbd') || !isOnPath('nbdinfo'))('qemu-nbd and nbdinfo', () => {
  test('name the dirty ranges of a bitmap, and the map of data is refused', async () => {
    const directory = scratchDirectory();
    const [image, socket] = [join(directory, 'image.qcow2'), join(directory, 'socket')];
    execFileSync('qemu-img', ['create', '-f', 'qcow2', image, `${sizeBytes}`]);
    execFileSync('qemu-img', ['bitmap', '--add', image, 'nightly']);
    execFileSync('qemu-io', ['-c', 'write 0 64k', '-c', 'write 1M 128k', image]);
    const server = await startCommand('qemu-nbd', ['-r', '-t', '-B', 'nightly', '-k', socket, image]);
    onTestFinished(() => void server.child.kill());
    const mapOf = (...options: string[]): string =>
      execFileSync('sh', [
        '-c',
        'until [ -S "$0" ]; do sleep 0.1; done; exec nbdinfo "$@"',
        socket,
        ...options,
      ]).toString();
    const uri = `nbd+unix:///?socket=${socket}`;
    expect(runsIn(mapOf('--map=qemu:dirty-bitmap:nightly', '--json', uri), sizeBytes)).toEqual([
      [0, 1],
      [16, 18],
    ]);
    expect(() => runsIn(mapOf('--map', '--json', uri), sizeBytes)).toThrow('not the map of a dirty bitmap');
  });
});

test('rbd diff, as Ceph documents it, names what was written and what was discarded', () => {
  const text =
    '[{"offset":0,"length":4194304,"exists":"true"},{"offset":8388608,"length":4194304,"exists":"false"}]';
  expect(runsIn(text, sizeBytes)).toEqual([
    [0, 64],
    [128, 192],
  ]);
});

function metadataFile(restore: string, xml: string): string {
  const directory = scratchDirectory();
  const [source, file] = [join(directory, 'metadata.xml'), join(directory, 'metadata')];
  writeFileSync(source, xml.trim());
  writeFileSync(file, '');
  truncateSync(file, 16 * MiB);
  execFileSync(restore, ['-i', source, '-o', file], { stdio: 'pipe' });
  return file;
}
