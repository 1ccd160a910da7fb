package import Readings

/// One input of a trace, copied: what a test or a merge keeps.
package enum TraceInput: Hashable, Sendable {
  /// `payload` holds the bytes as the broker would deliver them.
  case message(at: Timestamp, topic: String, payload: [UInt8], retain: Bool)
  /// `json` is the command's object as it stands in the line.
  case command(at: Timestamp, json: [UInt8])
  case intake(at: Timestamp, isUp: Bool)
  case clock(at: Timestamp)

  package var at: Timestamp {
    switch self {
    case .message(let at, _, _, _), .command(let at, _), .intake(let at, _), .clock(let at): at
    }
  }
}

/// One line of a trace in place. Its bytes belong to the reader and stand **until its next line is asked for**.
package struct TraceLine {
  package enum Kind: Sendable { case message, command, intakeUp, intakeDown, clock }

  package let kind: Kind
  package let at: Timestamp
  /// UTF-8; empty unless a message.
  package let topic: UnsafeRawBufferPointer
  /// A message's payload or a command's JSON.
  package let payload: UnsafeRawBufferPointer
  package let retain: Bool

  /// The same as a value of its own.
  package var input: TraceInput {
    switch kind {
    case .message: .message(at: at, topic: String(decoding: topic, as: UTF8.self), payload: Array(payload), retain: retain)
    case .command: .command(at: at, json: Array(payload))
    case .intakeUp: .intake(at: at, isUp: true)
    case .intakeDown: .intake(at: at, isUp: false)
    case .clock: .clock(at: at)
    }
  }
}

/// A trace's compression, told by its file's ending.
package enum TraceCompression: Sendable {
  case none, gzip, zstd

  package init(path: String) {
    self = path.hasSuffix(".gz") ? .gzip : path.hasSuffix(".zst") ? .zstd : .none
  }
}
