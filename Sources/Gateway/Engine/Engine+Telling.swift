import Alerting
import Outbox
package import Readings
import RuleEngine

/// Who is told of what, and when.
///
/// An alert that is raised is told at once unless it is late, silenced, inhibited, or waits for those rules that may inhibit it. Whatever
/// ends one of these asks again (`consider`): an evaluation in time, a tick, the end of a silence, an inhibiting rule that is inactive, and
/// the dues, which `advance` works off between ticks at their own instants. So the instant of telling does not depend on batches.
extension Engine {
  /// Keeps a transition of an open alert, and tells it where the alert is told.
  func keep(
    _ kind: AlertTransition, _ reason: AlertReason, _ binding: Int, at t: Timestamp, detail: String? = nil, by: String? = nil
  ) {
    var numbers = (number: 0, nth: 0)
    var event: AlertEvent.Transition?
    open.change(binding) { alert in
      numbers = alert.course.count(kind)
      if alert.course.isTold { event = AlertEvent.Transition(kind) }
      if event != nil { alert.revision += 1 }
    }
    guard let alert = open[binding] else { return }
    changes.transitions.append(
      TransitionRecord(
        alert: alert.id, number: numbers.number, revision: alert.revision, kind: kind, reason: reason, detail: detail, by: by,
        severity: alert.severity, time: t, detectedAt: now))
    guard let event else { return }
    let nth = event == .raised || event == .cleared ? alert.course.numbersBegin + 1 : numbers.nth
    changes.events.append(self.event(event, nth: nth, alert, binding, at: event == .raised ? alert.raisedAt : t, by: by).record)
  }

  /// Tells the state of each alert of which somebody was told: what was told since the backup, that it ended above all, is not so here.
  func remindOfRestored() {
    for binding in inOrder(open.all) where open[binding]?.course.isTold == true { keep(.reminder, .restored, binding, at: now) }
  }

  // MARK: What holds it back

  /// Asks again whether an alert of which nobody was told is to be told now.
  func consider(_ binding: Int) {
    let before = open[binding]?.course.hold
    switch decide(binding) {
    case .told: keep(.told, reasonToTell(after: before, binding), binding, at: now)
    case .held(let hold): note(hold, binding, at: now)
    default: break
    }
  }

  /// What the alert's course makes of silences and inhibiting rules as they are now.
  func decide(_ binding: Int) -> AlertCourse.Action {
    guard let alert = open[binding], !alert.course.isTold else { return .none }
    return open.handle(
      .considered(isInhibited: inhibitor(of: binding) != nil, isSilenced: silence(over: alert) != nil, clock: now), binding,
      terms(of: binding))
  }

  /// Keeps why nobody is told, or when that is asked again.
  func note(_ hold: AlertHold, _ binding: Int, at t: Timestamp) {
    guard let alert = open[binding] else { return }
    switch hold {
    case .late: keep(.late, .lateData, binding, at: t)
    case .silenced: keep(.silenced, .silence, binding, at: t, detail: silence(over: alert))
    case .inhibited: keep(.inhibited, .inhibitor, binding, at: t, detail: inhibitor(of: binding).map { book.rules[$0].id })
    case .waiting: if let due = alert.course.waitsUntil { dues.add(binding, at: due) }
    }
  }

  /// What kept an alert from being told is not there any longer.
  func isHoldOver(_ binding: Int) -> Bool {
    guard let alert = open[binding] else { return false }
    return switch alert.course.hold {
    case .inhibited: inhibitor(of: binding) == nil
    case .silenced: silence(over: alert) == nil && !doubt.isDoubtful
    default: false
    }
  }

  private func reasonToTell(after hold: AlertHold?, _ binding: Int) -> AlertReason {
    switch hold {
    case .late: .dataFresh
    case .silenced: .silenceOver
    case .inhibited: .inhibitorOver
    case .waiting, nil: .waited
    }
  }

  private func silence(over alert: AlertRecord) -> String? {
    if silences.count == 0 { return nil }
    let facts = Silence.Facts(rule: alert.rule, device: alert.device, zone: alert.zone, site: alert.site, severity: alert.severity)
    return silences.match(facts, at: now)
  }

  private func inhibitor(of binding: Int) -> Int? {
    guard !policy(of: binding).inhibitions.isEmpty else { return nil }
    let subject = subject(of: binding)
    return inhibitions.inhibitor(of: program.rule(of: binding), subject, facts(of: subject))
  }

  // MARK: What ends it

  /// To be called when a life has changed, or an alert has ended.
  func lifeChanged(_ binding: Int) {
    if lives.isPending(binding) { pending.insert(binding) } else { pending.remove(binding) }
    dirty.insert(binding)
    let rule = program.rule(of: binding)
    guard inhibitions.inhibits(rule: rule) else { return }
    if setActivity(binding, rule) { for binding in inOrder(open.inhibited) { consider(binding) } }
  }

  /// - Returns: true where something may be inhibited no longer.
  func setActivity(_ binding: Int, _ rule: Int) -> Bool {
    let subject = subject(of: binding)
    let isActive = !lives.isInactive(binding) || open.isOpen(binding)
    return inhibitions.set(binding, rule: rule, subject, facts(of: subject), isActive: isActive)
  }

  /// The next instant, besides ticks and inputs, at which the engine has something to do.
  ///
  /// While the clock is doubted no silence ends.
  package var nextDue: Timestamp? {
    guard let silence = silences.nextEnd, !doubt.isDoubtful else { return dues.first }
    return dues.first.map { min($0, silence) } ?? silence
  }

  /// Works off what is due at `t`, which is the clock.
  func run(dueAt t: Timestamp) {
    // What waits no longer, or for longer, has other dues.
    var bindings = Set(
      dues.take(until: t).filter { binding in
        open[binding].map { $0.course.hold == .waiting && $0.course.waitsUntil.map { $0 <= t } ?? true } ?? false
      })
    if !doubt.isDoubtful, let end = silences.nextEnd, end <= t {
      for id in silences.expire(at: t) { changes.silences.append((id, nil)) }
      bindings.formUnion(open.silenced)
    }
    for binding in inOrder(bindings) { consider(binding) }
  }
}
