//! The command-line tool `file_backed`: what is in a directory, whether it is whole, and
//! how to copy it, to fill it from files and to turn it into files.
//!
//! The tool works on a dataset, or on a directory that items were persisted to without one.
//! It needs none of the program's types: everything it shows is in the footers and manifests.
//! Only `import`, `gc` and `salvage` change the directory, and the other commands work while it is
//! in use; `copy` and `export` write to another one.
//!
//! ```sh
//! cargo install --path . --features cli   # in a checkout of this repository
//! file_backed info album
//! file_backed export --help               # each command explains itself, with examples
//! ```
//!
//! | command | does | reads |
//! |---|---|---|
//! | `info DIR` | sums up: items, bytes, codecs, schema ids, sizes; lists missing and damaged items | each footer |
//! | `ls DIR` | prints a line for each item: key, bytes, codec, schema id, names; by `--prefix`, in an order, up to a `--limit` | the manifest; each footer if there is no dataset |
//! | `du DIR` | sums up bytes by the prefixes of names, and what else takes room | the manifest |
//! | `cat DIR NAME-or-KEY` | writes the payload of an item to the standard output, once it was compared with its checksum | the item, twice |
//! | `root DIR` | prints the root | the manifest |
//! | `diff DIR GEN GEN`, `diff DIR DIR` | compares the names, items and roots of two generations, or of two datasets | the manifests |
//! | `verify DIR [KEY...]` | compares all items, or these, with their checksums | every byte |
//! | `copy DIR TO` | copies the current generation of a dataset, compares it with its checksums and makes it durable; with `--link` by hard links | every byte; each footer |
//! | `hold DIR -- COMMAND..` | pins the current generation of a dataset while `COMMAND` runs; lists its files, one a line and relative to `DIR`, on the command's standard input | the manifest |
//! | `export DIR TO` | writes payloads as files that are named by the names of the items | the items |
//! | `import FOLDER DIR` | makes each file of a folder a named item, in one commit | the files |
//! | `gc DIR` | deletes the files that no generation needs; `--dry-run` lists them | the manifests |
//! | `salvage DIR` | tells what is lost of a damaged dataset; with `--commit`, commits what is left | every byte; with `--quick`, the manifests |
//! | `completions SHELL` | prints a completion script for bash, zsh, fish and others | |
//!
//! `--json` prints one JSON value (`ls`, `du` and `diff`: one for each line) for scripts. The exit code
//! says whether everything is whole, something is damaged or missing, or the request
//! could not be carried out; `hold` returns the exit code of its command, and `diff` says
//! whether something differs. `--help` lists the codes.
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
//! Names may hold any character. What a terminal would interpret is escaped, and a name with
//! white space, commas, parentheses or quotes is quoted; `--json` has it exactly.
//!
//! # Files into a dataset and out of it
//!
//! ```sh
//! file_backed import photos album            # creates the dataset, or adds to it
//! file_backed ls album --prefix 2026/ --sort size --reverse --limit 10
//! file_backed export album restored --all    # the same files as in `photos`, if `album` was new
//! ```
//!
//! Imported items are plain bytes, which a program reads as `MappedBytes` with `BytesCodec`.
//! `import` and `export` read and write in pieces, so a file may be larger than the memory.
//! Permissions, times and empty directories are not kept. Exported files have the names of
//! their items, except for what is no path, such as `..` or a name that is a file and a
//! directory, and what looks like the escape that stands for it, which begins with `%=`;
//! `file_backed export --help` lists the escapes, which `import` does not undo: a file is
//! imported under the name that it has. No file is written outside of the target,
//! whatever the names are.
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
//! [`Inspection`] has what is shown, the payloads, and what `gc` would delete. [`Snapshot`]
//! does what `copy` and `hold` do.
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
