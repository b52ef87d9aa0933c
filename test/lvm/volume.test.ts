import { expect, test } from 'vitest';
import { complaintIn } from '../../src/lvm/program.ts';
import { kernelUuidOf, rowsIn, splitMapperName, volumeOf } from '../../src/lvm/volume.ts';

/** What `lvs` of LVM 2.03.16 prints for a volume. */
const plain = {
  vg_name: 'vg-0',
  vg_uuid: '689Nlp-P9XN-1WoF-tqsR-FLQv-Uct8-LzWjHE',
  vg_attr: 'wz--n-',
  vg_free: '12582912',
  lv_name: 'ma-il',
  lv_uuid: 'ogEpf1-722A-mDtX-aUqG-IC7J-y37y-m6syt1',
  lv_attr: '-wi-a-----',
  lv_layout: 'linear',
  lv_role: 'public',
  lv_size: '8388608',
  lv_tags: '',
  lv_permissions: 'writeable',
  lv_dm_path: '/dev/mapper/vg--0-ma--il',
  pool_lv: '',
  pool_lv_uuid: '',
  origin_uuid: '',
  data_percent: '',
  metadata_percent: '',
  lv_snapshot_invalid: 'unknown',
  lv_active_locally: 'active locally',
};
const classicSnapshot = {
  ...plain,
  lv_attr: 'sri-aos---',
  lv_role: 'public,snapshot,thicksnapshot',
  lv_tags: 'basyn,basyn.id.abc',
  lv_permissions: 'read-only',
  origin_uuid: plain.lv_uuid,
  lv_snapshot_invalid: '',
};

test('an answer of lvs is read', () => {
  const rows = rowsIn(JSON.stringify({ report: [{ lv: [plain, classicSnapshot] }] }));
  expect(rows).toHaveLength(2);
  expect(volumeOf(rows![0]!)).toMatchObject({
    groupName: 'vg-0',
    name: 'ma-il',
    kind: 'classic',
    sizeBytes: 8_388_608,
    groupFreeBytes: 12_582_912,
    tags: [],
    isReadOnly: false,
    isInvalid: false,
    isActive: true,
    isOpen: false,
    isShared: false,
  });
  expect(volumeOf(rows![1]!)).toMatchObject({
    isClassicSnapshot: true,
    isReadOnly: true,
    isOpen: true,
    isInvalid: false,
    originUuid: plain.lv_uuid,
    tags: ['basyn', 'basyn.id.abc'],
  });
});

test.each(['', 'nonsense', '{}', '{"report":[]}', '{"report":[{"lv":[{"lv_name":"mail"}]}]}'])(
  'an answer of another form is refused: %s',
  (output) => expect(rowsIn(output)).toBeUndefined(),
);

test.each([
  ['that has overflowed', { lv_attr: 'sri-I-s---', lv_snapshot_invalid: 'snapshot invalid' }],
  ['whose state is unknown', { lv_attr: 'sri---s---', lv_snapshot_invalid: 'unknown' }],
])('a classic snapshot %s is not valid', (_what, fields) => {
  expect(volumeOf({ ...classicSnapshot, ...fields }).isInvalid).toBe(true);
});

test.each([
  ['a thin volume', { lv_layout: 'thin,sparse', lv_role: 'public', lv_attr: 'Vwi-a-tz--' }, { kind: 'thin' }],
  ['a thin pool', { lv_layout: 'thin,pool', lv_role: 'private', lv_attr: 'twi-aotz--' }, { kind: 'other' }],
  ['a mirrored volume', { lv_layout: 'raid,raid1', lv_attr: 'rwi-a-r---' }, { kind: 'classic' }],
  ['a group of a cluster', { vg_attr: 'wz--nc' }, { isShared: true }],
  ['a group with lvmlockd', { vg_attr: 'wz--ns' }, { isShared: true }],
  ['an origin that is merged', { lv_attr: 'Owi-a-s---' }, { isMerging: true }],
])('%s is recognised', (_what, fields, expected) => {
  expect(volumeOf({ ...plain, ...fields })).toMatchObject(expected);
});

test.each([
  ['vg0-mail', 'vg0', 'mail'],
  ['vg--0-ma--il', 'vg-0', 'ma-il'],
  ['vg----a-b', 'vg--a', 'b'],
])('the device %s is the volume %s/%s', (mapperName, groupName, name) => {
  expect(splitMapperName(mapperName)).toEqual([groupName, name]);
});

test('a UUID is written as the kernel writes it', () => {
  expect(kernelUuidOf(volumeOf(plain))).toBe(
    'LVM-689NlpP9XN1WoFtqsRFLQvUct8LzWjHEogEpf1722AmDtXaUqGIC7Jy37ym6syt1',
  );
});

test('the complaint of a program leaves out warnings', () => {
  expect(complaintIn('  WARNING: Sum of all thin volumes.\n  Logical volume vg0/a in use.\n')).toBe(
    'Logical volume vg0/a in use',
  );
});
