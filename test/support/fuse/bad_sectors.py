"""A file system that shows one directory, and can't read some ranges of its files.

The ranges of a file are those in the file of the same name with ".bad" behind it: one "OFFSET LENGTH" a line. A file with
".gone" behind it makes every read of the file fail as if its device had been unplugged.
"""

import errno
import os
import sys

import fusepy
from directory_view import DirectoryView


class BadSectors(DirectoryView):
    def open(self, path, flags):
        return os.open(self.below(path), os.O_RDONLY)

    def read(self, path, size, offset, fh):
        if os.path.exists(self.below(path) + ".gone"):
            raise fusepy.FuseOSError(errno.ENXIO)
        for start, length in self.bad_ranges(path):
            if offset < start + length and start < offset + size:
                raise fusepy.FuseOSError(errno.EIO)
        return super().read(path, size, offset, fh)

    def bad_ranges(self, path):
        try:
            with open(self.below(path) + ".bad") as lines:
                return [tuple(map(int, line.split())) for line in lines]
        except FileNotFoundError:
            return []

    def fsync(self, path, datasync, fh):
        pass


options = {"use_ino": True, "attr_timeout": 0, "entry_timeout": 0, "foreground": True, "nothreads": True}
fusepy.FUSE(BadSectors(sys.argv[1]), sys.argv[2], **options)
