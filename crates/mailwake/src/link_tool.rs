//! `mailwake linktool`: tracked links made and read by hand.
