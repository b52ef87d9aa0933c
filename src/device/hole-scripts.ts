/**
 * Programs that list where a file has data, because node has no function for `SEEK_DATA` and `SEEK_HOLE`. The file is
 * descriptor 3. The arguments are its size, the longest gap that counts as data, and the most ranges that are asked for:
 * everything behind them counts as data, too.
 *
 * They print start and end of each range as native doubles, in ascending order. The last pair is -1 and the number of
 * ranges before it, so that a list that was cut short is noticed.
 */
export const listDataInPerl = `
open(my $file, '<&=', 3) or exit 2;
binmode(STDOUT);
my ($size, $gap, $most) = @ARGV;
my ($at, $from, $to, $seen, $count) = (0, -1, -1, 0, 0);
while ($at < $size) {
  my $data = $at;
  my $hole = $size;
  if ($seen++ < $most) {
    $data = sysseek($file, $at, 3);
    if (!defined $data) { last if $! == 6; exit 3; }
    $hole = sysseek($file, $data, 4);
    exit 4 if !defined $hole || $hole <= $data;
  }
  if ($from >= 0 && $data - $to > $gap) { print(pack('dd', $from, $to)); $count++; $from = $data; }
  $from = $data if $from < 0;
  $to = $hole;
  $at = $hole;
}
if ($from >= 0) { print(pack('dd', $from, $to)); $count++; }
print(pack('dd', -1, $count));
close(STDOUT) or exit 5;
`;

export const listDataInPython = `
import os, struct, sys
size, gap, most = map(int, sys.argv[1:])
at, start, end, seen, count = 0, -1, -1, 0, 0
out = sys.stdout.buffer
while at < size:
    data, hole = at, size
    seen += 1
    if seen <= most:
        try:
            data = os.lseek(3, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno == 6:
                break
            sys.exit(3)
        hole = os.lseek(3, data, os.SEEK_HOLE)
        if hole <= data:
            sys.exit(4)
    if start >= 0 and data - end > gap:
        out.write(struct.pack('dd', start, end))
        count += 1
        start = data
    if start < 0:
        start = data
    end = hole
    at = hole
if start >= 0:
    out.write(struct.pack('dd', start, end))
    count += 1
out.write(struct.pack('dd', -1, count))
out.flush()
`;
