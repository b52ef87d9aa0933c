"""A file system that shows one directory, and can't read some ranges of its files.

The ranges of a file are those in the file of the same name with ".bad" behind it: one "OFFSET LENGTH" a line. A file with
".gone" behind it makes every read of the file fail as if its device had been unplugged.
"""

import errno
import os
import sys

import fusepy


class BadSectors(fusepy.Operations):
    def __init__(self, root):
        self.root = root

    def below(self, path):
        return os.path.join(self.root, path[1:])

    def getattr(self, path, fh=None):
        stats = os.lstat(self.below(path))
        names = ("st_ino", "st_mode", "st_nlink", "st_size", "st_mtime", "st_ctime", "st_blocks", "st_uid", "st_gid")
        return {name: getattr(stats, name) for name in names}

    def readdir(self, path, fh):
        return [".", "..", *os.listdir(self.below(path))]

    def open(self, path, flags):
        return os.open(self.below(path), os.O_RDONLY)

    def read(self, path, size, offset, fh):
        if os.path.exists(self.below(path) + ".gone"):
            raise fusepy.FuseOSError(errno.ENXIO)
        for start, length in self.bad_ranges(path):
            if offset < start + length and start < offset + size:
                raise fusepy.FuseOSError(errno.EIO)
        return os.pread(fh, size, offset)

    def bad_ranges(self, path):
        try:
            with open(self.below(path) + ".bad") as lines:
                return [tuple(map(int, line.split())) for line in lines]
        except FileNotFoundError:
            return []

    def fsync(self, path, datasync, fh):
        pass

    def release(self, path, fh):
        os.close(fh)


options = {"use_ino": True, "attr_timeout": 0, "entry_timeout": 0, "foreground": True, "nothreads": True}
fusepy.FUSE(BadSectors(sys.argv[1]), sys.argv[2], **options)
