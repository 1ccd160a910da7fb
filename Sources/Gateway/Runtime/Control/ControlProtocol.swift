import Foundation
import Readings

/// What is said over `DIR/thuong.sock`: one request a connection, in one line of JSON of at most `requestMax` bytes; then lines of JSON back,
/// and the gateway closes.
///
///     {"command":{"ack":"…","by":"…"}}   a command, as traces carry it: {"done":{}} once it is committed, or a problem
///     {"reload":{}}                      read devices and rules anew: {"done":{"version":"…","rules":43,"devices":49}}, or a problem
///     {"record":{}}                      the inputs from now on, as lines of a trace with payloads in base64, until the asker ends its
///                                        side of the connection: then {"end":{"lines":120}}, or a problem
///     {"redrive":…}, {"resume":…}, {"test":…}   see OutboxRequest
///
///     {"problem":{"kind":"not-found","detail":"…","faults":["Rules/traffic.yaml:7:12: …"]}}
package enum ControlRequest: Sendable, Equatable {
  package static let requestMax = 128 << 10
  package static let socketName = "thuong.sock"

  /// JSON of the command.
  case command([UInt8])
  case reload
  case record
  case outbox(OutboxRequest)

  package var line: [UInt8] {
    var json = JSONWriter()
    json.object { json in
      switch self {
      case .command(let command):
        json.key("command")
        json.raw(command)
      case .reload: json.field("reload", object: { _ in })
      case .record: json.field("record", object: { _ in })
      case .outbox(let request): request.write(to: &json)
      }
    }
    return json.bytes + [0x0a]
  }

  init(line: [UInt8]) throws(ControlProblem) {
    guard let object = (try? JSONSerialization.jsonObject(with: Data(line))) as? [String: Any], object.count == 1 else {
      throw .malformed("a request is one line of JSON with one of \(Self.known)")
    }
    if let command = object["command"] as? [String: Any] {
      guard let json = try? JSONSerialization.data(withJSONObject: command, options: [.sortedKeys, .withoutEscapingSlashes]) else {
        throw .malformed("the command is no JSON object")
      }
      self = .command([UInt8](json))
    } else if let reload = object["reload"] as? [String: Any], reload.isEmpty {
      self = .reload
    } else if let record = object["record"] as? [String: Any], record.isEmpty {
      self = .record
    } else if let request = try OutboxRequest(object) {
      self = .outbox(request)
    } else {
      throw .malformed("unknown request; known: \(Self.known)")
    }
  }

  private static let known = (["command", "reload", "record"] + OutboxRequest.verbs).joined(separator: ", ")
}

/// Why a request was not done, in words.
package struct ControlProblem: Error, Sendable, Equatable, CustomStringConvertible {
  package enum Kind: String, Sendable {
    case malformed, busy, unavailable
    case notFound = "not-found"
    /// It cannot be done as things are.
    case conflict
    /// Files that do not load: see `faults`.
    case badFiles = "bad-files"
    case behind
  }

  package var kind: Kind
  package var detail: String
  package var faults: [String] = []

  package init(_ kind: Kind, _ detail: String, faults: [String] = []) { (self.kind, self.detail, self.faults) = (kind, detail, faults) }

  static func malformed(_ detail: String) -> ControlProblem { ControlProblem(.malformed, detail) }

  package var description: String { ([detail] + faults).joined(separator: "\n") }

  var line: [UInt8] {
    var json = JSONWriter()
    json.object { json in
      json.field(
        "problem",
        object: { json in
          json.field("kind", kind.rawValue)
          json.field("detail", detail)
          if !faults.isEmpty { json.field("faults", array: { json in for fault in faults { json.value(fault) } }) }
        })
    }
    return json.bytes + [0x0a]
  }

  init?(_ object: [String: Any]) {
    guard let problem = object["problem"] as? [String: Any], let detail = problem["detail"] as? String else { return nil }
    kind = (problem["kind"] as? String).flatMap(Kind.init(rawValue:)) ?? .unavailable
    self.detail = detail
    faults = problem["faults"] as? [String] ?? []
  }
}
