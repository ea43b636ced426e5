//! The command-line tool `file_backed`: what is in a directory, whether it is whole,
//! and how to copy it.
//!
//! The tool reads a dataset, or a directory that items were persisted to without one.
//! It changes nothing there, and the directory may be in use. It works without the
//! program's types: everything it shows is in the footers and manifests.
//!
//! ```sh
//! cargo install --path . --features cli   # in a checkout of this repository
//! file_backed info album
//! ```
//!
//! | command | does | reads |
//! |---|---|---|
//! | `info DIR` | sums up: items, bytes, codecs, schema ids, sizes; lists missing and damaged items | each footer |
//! | `ls DIR` | prints a line for each item: key, bytes, codec, schema id | each footer |
//! | `verify DIR [KEY...]` | compares all items, or these, with their checksums | every byte |
//! | `copy DIR TO` | copies the current generation of a dataset, compares it with its checksums and makes it durable | every byte |
//! | `hold DIR -- COMMAND..` | pins the current generation of a dataset while `COMMAND` runs; lists its files, one a line and relative to `DIR`, on the command's standard input | the manifest |
//!
//! `--json` prints one JSON value (`ls`: one for each line) for scripts. The exit code
//! says whether everything is whole, something is damaged or missing, or the request
//! could not be carried out; `hold` returns the exit code of its command. `--help`
//! lists the codes.
//!
//! # What it prints
//!
//! `file_backed info` on a directory that holds items of two codecs and no dataset:
//!
//! ```text
//! dataset     none: items persisted without a dataset
//! items       114, 623.79 KiB (638759 bytes)
//!   bincode: 1 items, 6.67 KiB (6831 bytes)
//!   rkyv archive: 113 items, 617.12 KiB (631928 bytes)
//! sizes
//!   up to      256 B         1  #
//!   up to   1.00 KiB         6  #####
//!   up to   4.00 KiB        46  ################################
//!   up to  16.00 KiB        58  ########################################
//!   up to  64.00 KiB         3  ###
//! ```
//!
//! For a dataset, the line `dataset` has the number of the current generation.
//! `others` counts files that the current generation does not name: those of an earlier
//! generation that is pinned, of a commit in progress, or of an interrupted one. The
//! next program that opens the dataset to commit deletes what no generation needs.
//! `MISSING`, `DAMAGED` and `UNREADABLE` name single items.
//!
//! # Backups
//!
//! `copy` and `hold` are the two ways to back up a dataset that is in use:
//!
//! ```sh
//! file_backed copy album /backup/album
//! file_backed hold album -- rsync -a --files-from=- album /backup/album
//! file_backed hold album -- tar -C album -cf album.tar -T -
//! ```
//!
//! A plain `cp -r` during commits may copy the manifest of one generation and the
//! files of another. [`durability`](super::durability#backup) explains this, and how a
//! program does the same with a [`Snapshot`].
//!
//! # From a program
//!
//! [`Inspection`] has what `info`, `ls` and `verify` show, and [`Snapshot`] what `copy`
//! and `hold` do.
//!
#![cfg_attr(
    feature = "dataset",
    doc = "[`Inspection`]: crate::dataset::Inspection
[`Snapshot`]: crate::dataset::Snapshot"
)]
#![cfg_attr(
    not(feature = "dataset"),
    doc = "[`Inspection`]: crate#features
[`Snapshot`]: crate#features"
)]
