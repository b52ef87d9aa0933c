"""A file system that shows one directory, and carries a limited number of bytes per second, one read or write after the other."""

import os
import sys
import time

import fusepy
from directory_view import DirectoryView


class Slow(DirectoryView):
    def __init__(self, root, bytes_per_second):
        super().__init__(root)
        self.bytes_per_second = bytes_per_second
        self.free_at = 0.0

    def open(self, path, flags):
        return os.open(self.below(path), os.O_RDWR)

    def read(self, path, size, offset, fh):
        self.take_time(size)
        return super().read(path, size, offset, fh)

    def write(self, path, data, offset, fh):
        self.take_time(len(data))
        return super().write(path, data, offset, fh)

    def take_time(self, size):
        self.free_at = max(self.free_at, time.monotonic()) + size / self.bytes_per_second
        time.sleep(max(0.0, self.free_at - time.monotonic()))

    def fsync(self, path, datasync, fh):
        pass


options = {"use_ino": True, "foreground": True, "nothreads": True, "big_writes": True, "max_read": 131072}
fusepy.FUSE(Slow(sys.argv[1], int(sys.argv[3])), sys.argv[2], **options)
