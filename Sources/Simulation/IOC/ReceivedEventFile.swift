import Foundation
import Glibc
import Readings
import Synchronization

/// The events that a receiver has kept, one JSON object a line:
///
///     {"path":"/events","sequence":7,"event":{…}}
///
/// `sequence` is null where the event has none. `event` is the CloudEvent in the bytes that were signed, and is last, so that they can be
/// cut out again. A line is on the disk before its event is answered. What a kill left of a last line without its end was never answered,
/// and is cut off when the file is opened.
package final class ReceivedEventFile: Sendable {
  package struct Failure: Error, CustomStringConvertible {
    package let description: String
  }

  /// What the file held when it was opened, in order.
  package let events: [ReceivedEvent]
  private let path: String
  private let descriptor: Int32
  private let size: Mutex<Int>

  /// Opens or makes the file, for this process alone.
  ///
  /// - Throws: one line with the file's name, and the number of a line that is not an event.
  package init(_ path: String) throws(Failure) {
    self.path = path
    descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Failure(description: "\(path): \(String(cString: strerror(errno)))") }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      close(descriptor)
      throw Failure(description: "\(path): another stand-in keeps its events there; name another file")
    }
    do throws(Failure) {
      let kept = try Self.read(path)
      guard ftruncate(descriptor, kept.length) == 0 else { throw Failure(description: "\(path): \(String(cString: strerror(errno)))") }
      events = kept.events
      size = Mutex(kept.length)
    } catch {
      close(descriptor)
      throw error
    }
  }

  deinit {
    // A child that was started a moment ago holds the descriptor until it becomes another program, and with it the lock.
    flock(descriptor, LOCK_UN)
    close(descriptor)
  }

  /// Adds an event; returns when it is on the disk. Blocks. Where it throws, the file is as it was before.
  package func append(_ event: ReceivedEvent) throws(Failure) {
    let line = Self.line(event)
    let failure: Failure? = size.withLock { size in
      var rest = line[...]
      while !rest.isEmpty {
        let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        if count < 0, errno == EINTR { continue }
        if count <= 0 { return undo(to: size) }
        rest = rest.dropFirst(count)
      }
      guard fdatasync(descriptor) == 0 else { return undo(to: size) }
      size += line.count
      return nil
    }
    if let failure { throw failure }
  }

  private func undo(to size: Int) -> Failure {
    let reason = String(cString: strerror(errno))
    _ = ftruncate(descriptor, size)
    return Failure(description: "\(path): an event could not be kept: \(reason)")
  }

  static func line(_ event: ReceivedEvent) -> [UInt8] {
    var json = JSONWriter(reserving: event.body.count + 64)
    json.object { json in
      json.field("path", event.path)
      json.key("sequence")
      if let sequence = event.sequence { json.value(sequence) } else { json.null() }
      json.key("event")
      // A line end can stand only between the tokens of JSON, where a space says the same. Thuong sends none.
      json.raw(event.body.map { $0 == 0x0a || $0 == 0x0d ? 0x20 : $0 })
    }
    json.endLine()
    return json.bytes
  }

  private static func read(_ path: String) throws(Failure) -> (events: [ReceivedEvent], length: Int) {
    guard let bytes = FileManager.default.contents(atPath: path) else { throw Failure(description: "\(path): cannot be read") }
    var events: [ReceivedEvent] = []
    var start = bytes.startIndex
    while let end = bytes[start...].firstIndex(of: 0x0a) {
      guard let event = event(of: bytes[start..<end]) else {
        throw Failure(description: "\(path):\(events.count + 1): no event of a stand-in's file; name another file with --store")
      }
      events.append(event)
      start = end + 1
    }
    return (events, start - bytes.startIndex)
  }

  private static func event(of line: Data) -> ReceivedEvent? {
    // Within a string of JSON the quotes of this would have backslashes: the first place is the field.
    guard let place = line.range(of: Data(#","event":"#.utf8)), line.last == UInt8(ascii: "}"),
      let head = try? JSONSerialization.jsonObject(with: line[..<place.lowerBound] + Data("}".utf8)) as? [String: Any],
      let path = head["path"] as? String
    else { return nil }
    return try? ReceivedEvent(path: path, sequence: head["sequence"] as? Int64, body: Array(line[place.upperBound...].dropLast()))
  }
}
