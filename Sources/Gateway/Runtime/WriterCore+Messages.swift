import Database
import Logging
package import MQTTIntake
import Readings

/// What the connection to the broker tells the writer.
extension WriterCore: MQTTConnectionDelegate {
  package func received(_ message: borrowing MQTTMessage) {
    if failure != nil { return }
    if BrokerReport.isReport(message) { return report(message) }
    received += 1
    let input = MessageInput(topic: message.topic, payload: message.payload, retain: message.retain, packet: message.packet)
    if store.isCareful { takeAlone(input, at: instant(of: message)) } else { engine.message(input, at: instant(of: message)) }
    if let count = droppedBeforeClock, hasClock {
      droppedBeforeClock = nil
      tell(.brokerDropped(count))
    }
  }

  package func accepted(sessionPresent: Bool) {
    wasAccepted = true
    handle(.accepted(sessionPresent: sessionPresent))
  }

  package func refused(_ reason: String) {
    tell(.sessionRefused)
    handle(.refused(reason))
    // Wrong credentials at the start are the operator's to mend; later, the broker may be in the middle of a change.
    if !wasAccepted {
      commit()  // that it has answered: the next start has nothing to doubt
      failure =
        failure
        ?? .unusable(
          "\(configuration.broker.host):\(configuration.broker.port): \(reason); check broker.username and broker.password_file")
    }
  }

  package func subscribed() {
    if let refused = connection?.refusedOptionalTopics, !refused.isEmpty {
      logger.warning(
        "The broker does not let us read what it says of itself: restarts and dropped messages go unnoticed",
        metadata: ["topics": "\(refused.joined(separator: ", "))"])
    }
    handle(.subscribed)
  }

  package func subscriptionRefused(_ reason: String) { handle(.subscriptionRefused(reason)) }

  /// One message, noted before it is stepped and committed by itself: where it ends the process, the next start knows it, and puts it
  /// into quarantine.
  private func takeAlone(_ message: MessageInput, at: Timestamp) {
    let hash = Quarantine.hash(topic: message.topic, payload: message.payload)
    if store.deadlyMessages.contains(hash) {
      logger.critical(
        "A message crashed the process: it is kept in quarantine and acknowledged",
        metadata: ["topic": "\(String(decoding: message.topic.prefix(200), as: UTF8.self))"])
      engine.quarantine(message, at: at)
    } else {
      store.file.takeInHand(message: hash)
      engine.message(message, at: at)
    }
    store.file.takeInHand(message: 0)  // it did not crash the process; a commit that fails is no fault of the message
    commit()
    guard failure == nil, !isDiskFull else { return }
    takenAlone += 1
    // More than the broker may have had in flight when the process died: the one it died of was among them.
    if takenAlone > 2 * Int(configuration.broker.receiveMaximum) { survived() }
  }

  private func report(_ message: borrowing MQTTMessage) {
    switch BrokerReport(message) {
    case .dropped(let count): if hasClock { tell(.brokerDropped(count)) } else { droppedBeforeClock = count }
    case .uptime(let seconds):
      guard hasClock else { return }  // it says so again
      guard let start = uptime.hears(seconds: seconds, now: machine.monotonic, boot: machine.boot) else { return }
      tell(.brokerStarted(start))
    case nil: return
    }
  }
}
