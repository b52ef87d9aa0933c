"""A file system that shows one directory as it is. Others change what they show of it."""

import os

import fusepy


class DirectoryView(fusepy.Operations):
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
        return os.open(self.below(path), flags)

    def read(self, path, size, offset, fh):
        return os.pread(fh, size, offset)

    def write(self, path, data, offset, fh):
        return os.pwrite(fh, data, offset)

    def fsync(self, path, datasync, fh):
        os.fsync(fh)

    def release(self, path, fh):
        os.close(fh)
