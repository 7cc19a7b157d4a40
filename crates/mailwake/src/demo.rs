//! The main job in one process, for a first look.
