import ArgumentParser
import Database
import Gateway
import Readings

struct Restore: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Makes a backup the store of a data directory.",
    discussion: """
      No gateway may be running there. The next one tells every sink a gap of cause "restored", from the backup's newest input to its own \
      start. Events that waited in the backup are sent again, with their own ids and sequences. The thuong-sequence of new events goes on \
      after those of the store that is replaced, where that store went on from the backup; else 10000000 beyond all that is known.

        thuong restore /backups/2025-11-21.sqlite --data var --replace

      A backup of an older version is brought up to date; the file itself stays as it is. A store that is there already stays, as \
      thuong.sqlite.replaced-<time>. Exits 4 where a gateway runs, 5 where the backup is damaged.
      """)

  @OptionGroup var files: FileOptions
  @Argument(help: ArgumentHelp("A file that `thuong backup` made.", valueName: "from"))
  var from: String
  @Option(help: "The data directory, in place of the configuration's.")
  var data: String?
  @Flag(help: "Move a store that is there already aside.")
  var replace = false

  func run() throws {
    let directory = try data ?? files.load().dataDirectory
    let progress = ProgressLine()
    do {
      let restore = try StoreRestore.run(
        from: from, into: directory, replaces: replace, now: LiveClock.wall, copied: { progress.show($0, "copying") },
        checked: { progress.show($0, "checking") })
      progress.end()
      print("\(directory)/\(StoreFile.name): \(restore.bytes) bytes, \(restore.extent.text)")
      if !restore.sequences.isEmpty { print("thuong-sequence goes on: \(restore.sequences)") }
      if let replaced = restore.replaced { print("the store that was there: \(directory)/\(replaced)") }
    } catch StoreError.damaged(let what) {
      throw CommandFailure(code: 5, "\(from): the backup is damaged: \(what); nothing was restored, try another one")
    }
  }
}
