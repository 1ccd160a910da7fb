import Alerting
import DeviceRegistry
package import Readings
import RuleEngine
import SeriesStore

/// What operators say. A command that is refused changes nothing; the clock has moved to it all the same.
extension Engine {
  /// A command, as JSON.
  ///
  /// - Parameter isRecorded: false where whoever gives it tells those who record of it in another form.
  package func command(_ json: [UInt8], at: Timestamp, isRecorded: Bool = true) -> CommandOutcome {
    guard let command = EngineCommand(json: json) else { return .unknown }
    advance(to: at)
    if case .alert(let command) = command, let refusal = refusal(of: command) {
      batch.input(.clock, at: now)
      recording?.clock(at: now)
      return .refused(refusal)
    }
    batch.input(.command, at: now)
    batch.command(json)
    if isRecorded { recording?.command(json, at: now) }
    switch command {
    case .alert(let command): obey(command)
    default: obey(command)
    }
    return .done
  }

  private func refusal(of command: AlertCommand) -> CommandRefusal? {
    switch command {
    case .acknowledge(let alert, _, _), .close(let alert, _, _):
      return open.binding(ofAlert: alert) == nil ? .unknownAlert(alert) : nil
    case .unsilence(let id, _): return silences[id] == nil ? .unknownSilence(id) : nil
    case .silence(let text, _): return refusal(of: text)
    case .malformed(let why): return .malformed(why)
    }
  }

  private func refusal(of silence: SilenceText) -> CommandRefusal? {
    if silence.until <= max(now, silence.from ?? now) { return .silenceOver(until: silence.until) }
    if silences.count >= SilenceBook.limit, silences[silence.id] == nil { return .tooManySilences(most: SilenceBook.limit) }
    let names = [silence.rules, silence.devices, silence.zones, silence.sites]
    if names.allSatisfy(\.isEmpty), silence.severities.isEmpty { return .matchesEverything }
    for (list, isKnown) in zip(names, knownNames) where !list.isEmpty {
      if !list.contains(where: isKnown) { return .matchesNothing(list) }
    }
    return nil
  }

  /// Whether a rule, device, zone, site of that name is known.
  private var knownNames: [(String) -> Bool] {
    [
      { id in self.book.rules.contains { $0.id == id } }, { self.registry.deviceIndex($0) != nil },
      { zone in self.registry.devices.contains { $0.zone == zone } },
      { site in self.registry.sites.contains { $0.id == site } || self.registry.devices.contains { $0.site == site } },
    ]
  }

  /// Nothing of it is refused.
  private func obey(_ command: AlertCommand) {
    switch command {
    case .acknowledge(let id, let by, let note):
      guard let binding = open.binding(ofAlert: id) else { return }
      _ = open.handle(.acknowledged(Acknowledgement(by: by, at: now, note: note)), binding, terms(of: binding))
      keep(.acknowledged, .hand, binding, at: now, detail: note, by: by)
    case .close(let id, let by, let note):
      guard let binding = open.binding(ofAlert: id) else { return }
      end(binding, .closed, .hand, at: lives.end(binding, clock: endingClock), detail: note, by: by)
      lifeChanged(binding)
    case .silence(let text, let by):
      let silence = silence(text, by: by)
      silences.set(silence, at: now)
      changes.silences.append((silence.id, silence))
      reconsiderSilenced()
    case .unsilence(let id, _):
      if silences.remove(id, at: now) { changes.silences.append((id, nil)) }
      reconsiderSilenced()
    case .malformed: break
    }
  }

  private func silence(_ text: SilenceText, by: String) -> Silence {
    var silence = Silence(id: text.id, from: text.from ?? now, until: text.until, by: by, at: now)
    (silence.rules, silence.devices, silence.zones, silence.sites) = (text.rules, text.devices, text.zones, text.sites)
    (silence.severities, silence.weekly, silence.note) = (text.severities, text.weekly, text.note)
    return silence
  }

  private func reconsiderSilenced() { for binding in inOrder(open.silenced) { consider(binding) } }
}
