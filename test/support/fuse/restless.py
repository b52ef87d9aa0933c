"""A file system that shows one directory, and gives a file another inode number at every look."""

import itertools
import os
import sys

import fusepy


class Restless(fusepy.Operations):
    def __init__(self, root):
        self.root = root
        self.numbers = itertools.count(1000)

    def below(self, path):
        return os.path.join(self.root, path[1:])

    def getattr(self, path, fh=None):
        stats = os.lstat(self.below(path))
        names = ("st_mode", "st_nlink", "st_size", "st_mtime", "st_uid", "st_gid")
        return {"st_ino": next(self.numbers), **{name: getattr(stats, name) for name in names}}

    def readdir(self, path, fh):
        return [".", "..", *os.listdir(self.below(path))]

    def open(self, path, flags):
        return os.open(self.below(path), flags)

    def read(self, path, size, offset, fh):
        return os.pread(fh, size, offset)

    def write(self, path, data, offset, fh):
        return os.pwrite(fh, data, offset)

    def fsync(self, path, datasync, fh):
        os.fsync(fh)

    def release(self, path, fh):
        os.close(fh)


options = {"use_ino": True, "attr_timeout": 0, "entry_timeout": 0, "foreground": True, "nothreads": True}
fusepy.FUSE(Restless(sys.argv[1]), sys.argv[2], **options)
