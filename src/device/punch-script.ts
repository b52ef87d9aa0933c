/**
 * A program that makes holes in the file or block device that is its descriptor 3. It reads requests from stdin, one a line:
 * `p OFFSET LENGTH` for fallocate(2) with FALLOC_FL_PUNCH_HOLE, `d OFFSET LENGTH` for the ioctl BLKDISCARD. It answers each
 * with a line: 0, or the number of the error. The numbers of system calls depend on the architecture of perl. Where they are
 * not known, it answers nothing and exits.
 */
export const punchInPerl = `
use Config;
my %numbers = ('x86_64' => 285, 'aarch64' => 47);
my ($architecture) = $Config{archname} =~ /^([^-]*)/;
my $fallocate = $numbers{$architecture};
exit 2 if !defined $fallocate || $Config{longsize} != 8;
open(my $device, '+<&=', 3) or exit 3;
$| = 1;
while (my $request = <STDIN>) {
  my ($kind, $offset, $length) = split(' ', $request);
  my $error = 0;
  for (;;) {
    my $done;
    if ($kind eq 'p') { $done = syscall($fallocate, 3, 3, $offset + 0, $length + 0) == 0; }
    elsif ($kind eq 'd') { $done = ioctl($device, 0x1277, pack('QQ', $offset, $length)); }
    else { exit 4; }
    $error = $done ? 0 : $! + 0;
    last if $error != 4;
  }
  print("$error\\n") or exit 5;
}
`;
