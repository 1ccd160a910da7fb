import Alerting
import Database
import DeviceRegistry
import Outbox
import Readings
import RuleEngine

/// Alerting's state as the last commit left it.
struct StoredAlerts {
  var lives: [StoredLife]
  var alerts: [AlertRecord]
  var silences: [Silence]

  /// - Throws: `StoreError.damaged` where lives and alerts contradict one another: both are written by the commit that raises.
  func check() throws {
    let raised = Set(lives.filter(\.life.isRaised).map { "\($0.rule) \($0.subject)" })
    let open = Set(alerts.map { "\($0.rule) \($0.subject)" })
    let flapping = Set(alerts.filter(\.course.isFlapping).map { "\($0.rule) \($0.subject)" })
    guard raised.isSubset(of: open), open.subtracting(raised).isSubset(of: flapping) else {
      throw StoreError.damaged("the raised alerts are not those whose conditions are held as true")
    }
  }
}

/// Puts back what was stored of alerts, after the log was read: the clock is as it was.
extension Engine {
  func restore(_ stored: StoredAlerts) {
    var bindingOf: [String: Int] = [:]
    for binding in 0..<program.bindingCount { bindingOf["\(rule(of: binding).id)\n\(facts(of: subject(of: binding)).subject)"] = binding }
    for silence in stored.silences { silences.set(silence, at: clock ?? silence.at) }
    if doubt.isDoubtful { silences.endIsDue() }
    for life in stored.lives {
      if let binding = bindingOf["\(life.rule)\n\(life.subject)"] { restore(life, binding) } else { forget(life) }
    }
    var removed: [AlertRecord] = []
    for var alert in stored.alerts {
      alert.leap(beyond: numbersToldOfBefore(alert.breachedAt))
      if let binding = bindingOf["\(alert.rule)\n\(alert.subject)"] { restore(alert, binding) } else { removed.append(alert) }
    }
    for binding in 0..<program.bindingCount where inhibitions.inhibits(rule: program.rule(of: binding)) {
      _ = setActivity(binding, program.rule(of: binding))
    }
    for alert in removed.sorted(by: { ($0.rule, $0.subject) < ($1.rule, $1.subject) }) { remove(alert) }
    // What inhibits or silences them may be gone with the rules.
    if clock != nil { for binding in inOrder(open.inhibited.union(open.silenced).filter(isHoldOver)) { consider(binding) } }
  }

  private func restore(_ stored: StoredLife, _ binding: Int) {
    lives[binding] = stored.life
    if !stored.turns.times.isEmpty { turns[binding] = stored.turns }
    if stored.version != rule(of: binding).version {
      lives[binding].restart()
      dirty.insert(binding)  // else it would go on as it was when the older version is back
    }
    if lives.isPending(binding) { pending.insert(binding) }
  }

  private func restore(_ alert: AlertRecord, _ binding: Int) {
    open.insert(alert, binding)
    if alert.ruleVersion != rule(of: binding).version {
      open.change(binding) { alert in
        alert.ruleVersion = rule(of: binding).version
        alert.course.restart(steps: rule(of: binding).policy.escalations.count)
      }
    }
    if alert.course.hold == .waiting, let due = alert.course.waitsUntil { dues.add(binding, at: due) }
    if alert.course.isStale, case .device(let device) = subject(of: binding) { open.mark(binding, stale: true, device: device) }
  }

  /// Of a rule or subject that is gone. When its last alert ended is kept: what comes back has no alert of the same id.
  private func forget(_ stored: StoredLife) {
    guard !stored.life.isInactive || !stored.turns.times.isEmpty else { return }
    var life = stored.life
    if life.isRaised { _ = life.end(clock: endingClock) } else { life.restart() }
    changes.lives.append(StoredLife(rule: stored.rule, subject: stored.subject, version: stored.version, life: life))
  }

  /// The rule is gone, or its subject, or the rule is not for it any longer.
  private func remove(_ stored: AlertRecord) {
    var alert = stored
    let t = max(endingClock, alert.raisedAt)
    let isDeviceGone = alert.device.map { registry.deviceIndex($0) == nil } ?? false
    let isRuleThere = book.rules.contains { $0.id == alert.rule }
    let reason: AlertReason = isDeviceGone ? .deviceRemoved : isRuleThere ? .outOfScope : .ruleRemoved
    alert.state = AlertRecord.State.cleared.rawValue
    (alert.clearedAt, alert.endReason) = (t, reason)
    let (number, _) = alert.course.count(.cleared)
    if alert.course.isTold { alert.revision += 1 }
    changes.alerts.append(alert)
    changes.transitions.append(
      TransitionRecord(
        alert: alert.id, number: number, revision: alert.revision, kind: .cleared, reason: reason, severity: alert.severity, time: t,
        detectedAt: clock ?? t))
    guard alert.course.isTold, clock != nil else { return }
    changes.events.append(bareEvent(.cleared, nth: alert.course.numbersBegin + 1, alert, context: alert.context, at: t, by: nil).record)
  }
}
