//! Layers to disk: tar streams are merged into one tree, which is written as an EROFS file.
