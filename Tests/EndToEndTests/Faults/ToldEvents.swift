import Foundation
import Simulation
import Synchronization

/// The events that the IOC took.
final class ToldEvents: Sendable {
  private struct Event {
    var type: String
    var body: [UInt8]
  }
  private let taken = Mutex<[String: Event]>([:])

  func add(_ event: ReceivedEvent) { taken.withLock { $0[event.id] = Event(type: event.type, body: event.body) } }

  var count: Int { taken.withLock { $0.count } }

  /// Bodies of alerts' events, by id.
  var alerts: [String: [UInt8]] {
    taken.withLock { $0.filter { $0.value.type.hasPrefix("vn.thuong.alert.") }.mapValues(\.body) }
  }

  /// How often each cause of a gap was told.
  var gaps: [String: Int] {
    taken.withLock { taken in
      var causes: [String: Int] = [:]
      for event in taken.values where event.type == "vn.thuong.gateway.gap" {
        let json = try? JSONSerialization.jsonObject(with: Data(event.body)) as? [String: Any]
        causes[(json?["data"] as? [String: Any])?["cause"] as? String ?? "?", default: 0] += 1
      }
      return causes
    }
  }
}
