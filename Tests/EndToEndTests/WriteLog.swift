import Foundation

/// The changes that a process made to the files of one directory, as strace saw them, put onto files again up to any point: what
/// stands after a power loss there. Of what was not synced an arbitrary part survives, by sectors of 512 bytes.
///
/// Creations and removals count as durable at once, in their order, as journalling file systems keep them.
struct WriteLog {
  enum Entry {
    case write(file: String, offset: Int, bytes: [UInt8])
    case truncate(file: String, size: Int)
    case sync(file: String)
    case remove(file: String)
  }

  private(set) var entries: [Entry] = []

  /// What strace is to note, and how: paths and data in hexadecimal. The traced process must do its writing on one thread.
  static func wrapper(log: String) -> [String] {
    SystemCallFault.strace + ["-y", "-xx", "-s", "1000000", "-o", log, "-e", "trace=pwrite64,fdatasync,fsync,ftruncate,unlink"]
  }

  init(log: String, directory: String) throws {
    let directory = URL(fileURLWithPath: directory).resolvingSymlinksInPath().path
    for line in try Data(contentsOf: URL(fileURLWithPath: log)).split(separator: UInt8(ascii: "\n")) {
      guard let call = TracedCall(line), let path = call.path, path.hasPrefix("\(directory)/") else { continue }
      let file = String(path.dropFirst(directory.count + 1))
      switch call.name {
      case "pwrite64": entries.append(.write(file: file, offset: call.numbers[1], bytes: call.bytes))
      case "ftruncate": entries.append(.truncate(file: file, size: call.numbers[0]))
      case "unlink": entries.append(.remove(file: file))
      default: entries.append(.sync(file: file))
      }
    }
  }

  /// The files after the first `count` entries and a power loss; `survives` is asked for each sector that was not synced.
  func files(after count: Int, survives: () -> Bool) -> [String: [UInt8]] {
    var synced: [String: [UInt8]] = [:]
    var pending: [String: [Entry]] = [:]
    for entry in entries.prefix(count) {
      switch entry {
      case .write(let file, _, _), .truncate(let file, _):
        if synced[file] == nil { synced[file] = [] }
        pending[file, default: []].append(entry)
      case .sync(let file):
        for entry in pending.removeValue(forKey: file) ?? [] { entry.apply(to: &synced[file, default: []]) { true } }
      case .remove(let file):
        synced[file] = nil
        pending[file] = nil
      }
    }
    for (file, rest) in pending { for entry in rest { entry.apply(to: &synced[file, default: []], survives: survives) } }
    return synced
  }
}

extension WriteLog.Entry {
  fileprivate static let sector = 512

  fileprivate func apply(to file: inout [UInt8], survives: () -> Bool) {
    switch self {
    case .write(_, let offset, let bytes):
      var at = 0
      while at < bytes.count {
        let end = min(bytes.count, ((offset + at) / Self.sector + 1) * Self.sector - offset)
        if survives() {
          if file.count < offset + end { file += [UInt8](repeating: 0, count: offset + end - file.count) }
          file.replaceSubrange(offset + at..<offset + end, with: bytes[at..<end])
        }
        at = end
      }
    case .truncate(_, let size) where survives():
      if file.count > size { file.removeLast(file.count - size) } else { file += [UInt8](repeating: 0, count: size - file.count) }
    case .truncate, .sync, .remove: break
    }
  }
}

/// One line of strace: `pwrite64(6<\x2f…>, "\x53…", 4096, 0) = 4096`.
private struct TracedCall {
  var name: String
  /// The file: of the descriptor, or the first argument itself.
  var path: String?
  /// What was written.
  var bytes: [UInt8] = []
  /// The plain arguments behind the first.
  var numbers: [Int] = []

  init?(_ line: Data) {
    guard let open = line.firstIndex(of: UInt8(ascii: "(")), let close = line.range(of: Data(") = ".utf8))?.lowerBound else { return nil }
    name = String(decoding: line[..<open], as: UTF8.self)
    let arguments = line[line.index(after: open)..<close].split(separator: UInt8(ascii: ","))
    guard let first = arguments.first else { return nil }
    path = String(decoding: Self.hexadecimal(first), as: UTF8.self)
    for argument in arguments.dropFirst() {
      if let number = Int(String(decoding: argument, as: UTF8.self).trimmingCharacters(in: .whitespaces)) {
        numbers.append(number)
      } else {
        bytes = Self.hexadecimal(argument)
      }
    }
  }

  /// The bytes of every `\xNN` in it.
  private static func hexadecimal(_ text: Data) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count / 4)
    var at = text.startIndex
    while at + 3 < text.endIndex {
      if text[at] == UInt8(ascii: "\\"), let high = digit(text[at + 2]), let low = digit(text[at + 3]) {
        bytes.append(high << 4 | low)
        at += 4
      } else {
        at += 1
      }
    }
    return bytes
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}
