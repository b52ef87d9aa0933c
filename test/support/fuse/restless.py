"""A file system that shows one directory, and gives a file another inode number at every look."""

import itertools
import sys

import fusepy
from directory_view import DirectoryView


class Restless(DirectoryView):
    def __init__(self, root):
        super().__init__(root)
        self.numbers = itertools.count(1000)

    def getattr(self, path, fh=None):
        return {**super().getattr(path, fh), "st_ino": next(self.numbers)}


options = {"use_ino": True, "attr_timeout": 0, "entry_timeout": 0, "foreground": True, "nothreads": True}
fusepy.FUSE(Restless(sys.argv[1]), sys.argv[2], **options)
