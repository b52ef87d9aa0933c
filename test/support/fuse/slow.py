"""A file system that shows one directory, and carries a limited number of bytes per second, one read or write after the other."""

import os
import sys
import time

import fusepy


class Slow(fusepy.Operations):
    def __init__(self, root, bytes_per_second):
        self.root = root
        self.bytes_per_second = bytes_per_second
        self.free_at = 0.0

    def below(self, path):
        return os.path.join(self.root, path[1:])

    def getattr(self, path, fh=None):
        stats = os.lstat(self.below(path))
        names = ("st_ino", "st_mode", "st_nlink", "st_size", "st_mtime", "st_ctime", "st_blocks", "st_uid", "st_gid")
        return {name: getattr(stats, name) for name in names}

    def readdir(self, path, fh):
        return [".", "..", *os.listdir(self.below(path))]

    def open(self, path, flags):
        return os.open(self.below(path), os.O_RDWR)

    def read(self, path, size, offset, fh):
        self.take_time(size)
        return os.pread(fh, size, offset)

    def write(self, path, data, offset, fh):
        self.take_time(len(data))
        return os.pwrite(fh, data, offset)

    def take_time(self, size):
        self.free_at = max(self.free_at, time.monotonic()) + size / self.bytes_per_second
        time.sleep(max(0.0, self.free_at - time.monotonic()))

    def fsync(self, path, datasync, fh):
        pass

    def release(self, path, fh):
        os.close(fh)


options = {"use_ino": True, "foreground": True, "nothreads": True, "big_writes": True, "max_read": 131072}
fusepy.FUSE(Slow(sys.argv[1], int(sys.argv[3])), sys.argv[2], **options)
