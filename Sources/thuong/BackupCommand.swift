import ArgumentParser
import Database
import Gateway
import Readings

struct Backup: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Copies the store into one file, while the gateway runs.",
    discussion: """
      Everything acknowledged before the command was started is in the backup. It is checked before it gets its name: a file of that \
      name is a whole backup. It holds no passwords, secrets or tokens; keep those files, the configuration, devices and rules apart.

        thuong backup /backups/$(date +%F).sqlite
        thuong restore /backups/2025-11-21.sqlite --data var

      On a gateway that writes more than data.log_max (256 MB) while a large store is copied, intake pauses until that is done; the broker \
      keeps what comes. Runs beside a gateway, or without one.
      """)

  @OptionGroup var files: FileOptions
  @Argument(help: ArgumentHelp("A file that is not there yet.", valueName: "to"))
  var to: String
  @Option(help: "The data directory, in place of the configuration's.")
  var data: String?

  func run() throws {
    let directory = try data ?? files.load().dataDirectory
    let progress = ProgressLine()
    BackgroundWork.giveWay()
    let backup = try StoreBackup.make(of: directory, at: to, copied: { progress.show($0, "copying") }) { fraction in
      if !BackgroundWork.isRunning { BackgroundWork.begin() }  // the store's log is let go of
      progress.show(fraction, "checking")
    }
    progress.end()
    print("\(to): \(backup.bytes) bytes, \(backup.extent?.text ?? "a store of an older format, as it is")")
  }
}

extension StoredExtent {
  var text: String { clock.map { "log row \(lastRow), newest commit \($0.rfc3339)" } ?? "nothing committed yet" }
}
