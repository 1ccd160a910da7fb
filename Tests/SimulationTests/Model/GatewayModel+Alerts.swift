/// What becomes of alerts, and who is told of what.
///
/// The contract leaves some instants open; as the engine: who is not told is thought of again when an inhibiting rule ends (after at least
/// 30 seconds and three intervals), when some silence ends, is set or removed, when the 30 seconds for inhibiting rules are over, when a
/// step of its escalation is reached, and when late data ends: with an evaluation in time, or at a tick a minute after the last late one.
extension GatewayModel {
  private static let fresh: Int64 = 15 * 60_000

  private func isLate(_ t: Int64) -> Bool { now - t > Self.fresh && !isDoubtful }

  private func index(_ r: Int, _ d: Int) -> Int? { alertsOpen.firstIndex { $0.rule == r && $0.device == d } }

  // MARK: Turns

  mutating func raise(_ r: Int, _ d: Int, breachedAt: Int64, at t: Int64) {
    let flaps = noteTurn(r, d, at: t)
    if let known = index(r, d) {
      alertsOpen[known].turnedAt = now
      return
    }
    let rule = ModelRules.all[r]
    let alert = ModelOpenAlert(
      rule: r, device: d, id: ModelIdentity.id(Self.instance, rule.id, ModelTown.devices[d].subject, String(breachedAt)),
      breachedAt: breachedAt, raisedAt: t, detectedAt: now, severity: rule.severity, lateAt: isLate(t) ? now : nil,
      waitsUntil: rule.inhibitedBy.isEmpty ? nil : now + 30_000, steps: rule.steps.map { _ in [] })
    let place = alertsOpen.firstIndex { $0.place > alert.place } ?? alertsOpen.count
    alertsOpen.insert(alert, at: place)
    consider(place)
    if flaps { flap(place, at: t) }
  }

  mutating func clear(_ r: Int, _ d: Int, at t: Int64) {
    let flaps = noteTurn(r, d, at: t)
    guard let place = index(r, d) else { return }
    if alertsOpen[place].turnedAt != nil {
      alertsOpen[place].turnedAt = now
    } else if flaps {
      flap(place, at: t)
    } else {
      end(place, at: t)
    }
  }

  /// Whether it has turned so often within the time that the rule says.
  private mutating func noteTurn(_ r: Int, _ d: Int, at t: Int64) -> Bool {
    guard let flapping = ModelRules.all[r].flapping else { return false }
    let all = (turns["\(r) \(d)", default: []] + [t]).sorted()
    turns["\(r) \(d)"] = all
    let last = all.suffix(flapping.turns)
    return last.count == flapping.turns && last[last.startIndex] > t - flapping.within
  }

  private mutating func flap(_ place: Int, at t: Int64) {
    alertsOpen[place].turnedAt = now
    happens(.flapping, place, at: t)
  }

  private mutating func end(_ place: Int, at t: Int64) {
    happens(.cleared, place, at: t)
    alertsOpen.remove(at: place)
  }

  /// Counted always, told where the alert is told.
  private mutating func happens(_ kind: ModelTransition.Kind, _ place: Int, at t: Int64) {
    alertsOpen[place].counts[kind.rawValue, default: 0] += 1
    if alertsOpen[place].isTold { tell(kind, place, at: t, detectedAt: now) }
  }

  private mutating func tell(_ kind: ModelTransition.Kind, _ place: Int, at t: Int64, detectedAt: Int64) {
    alertsOpen[place].revision += 1
    let alert = alertsOpen[place]
    let nth = kind == .raised ? 1 : alert.counts[kind.rawValue] ?? 1
    transitions.append(
      ModelTransition(
        kind: kind, rule: ModelRules.all[alert.rule].id, subject: ModelTown.devices[alert.device].subject, t: t,
        breachedAt: alert.breachedAt, detectedAt: detectedAt, severity: alert.severity, revision: alert.revision, alert: alert.id,
        event: ModelIdentity.id(alert.id, kind.rawValue, String(nth))))
  }

  // MARK: Who is told

  private mutating func consider(_ place: Int) {
    let alert = alertsOpen[place]
    if alert.isTold { return }
    let isInhibited = isInhibited(alert)
    if alert.hold == "inhibited", !isInhibited {
      alertsOpen[place].waitsUntil = max(alert.waitsUntil ?? now, now + max(30_000, 3 * ModelTown.interval))
    }
    let hold: String? =
      if alert.lateAt != nil { "late" } else if isInhibited { "inhibited" } else if isSilenced(alert) {
        "silenced"
      } else if let waits =
        alertsOpen[place].waitsUntil, now < waits
      { "waiting" } else { nil }
    alertsOpen[place].hold = hold
    guard hold == nil else { return }
    alertsOpen[place].isTold = true
    alertsOpen[place].remindedAt = now
    tell(.raised, place, at: alert.raisedAt, detectedAt: alert.detectedAt)
  }

  private func isInhibited(_ alert: ModelOpenAlert) -> Bool {
    let device = ModelTown.devices[alert.device]
    return ModelRules.all[alert.rule].inhibitedBy.contains { by in
      ModelRules.all.enumerated().contains { r, rule in
        rule.id == by.rule
          && ModelTown.devices.enumerated().contains { d, other in
            (by.same == "device" ? other.id == device.id : other.site == device.site)
              && (lives[r][d].pendingSince != nil || lives[r][d].raised != nil || index(r, d) != nil)
          }
      }
    }
  }

  private func isSilenced(_ alert: ModelOpenAlert) -> Bool {
    let device = ModelTown.devices[alert.device]
    let facts = ["rule": ModelRules.all[alert.rule].id, "device": device.id, "site": device.site, "severity": alert.severity]
    return silences.contains { silence in
      silence.isActive(at: now) && silence.lists.allSatisfy { key, values in facts[key].map(values.contains) ?? false }
    }
  }

  private mutating func considerAll(_ hold: String) {
    for place in alertsOpen.indices where alertsOpen[place].hold == hold { consider(place) }
  }

  /// What is inhibited no longer waits for a while.
  mutating func release() {
    for place in alertsOpen.indices where alertsOpen[place].hold == "inhibited" && !isInhibited(alertsOpen[place]) { consider(place) }
  }

  /// The next instant at which a wait is over, or a silence ends.
  func nextDue(after t: Int64) -> Int64? {
    let waits = alertsOpen.filter { $0.hold == "waiting" }.compactMap(\.waitsUntil)
    return (waits + silences.map(\.until)).filter { $0 > t }.min()
  }

  /// The clock has come to a due, or to a minute at which hours of the week may end.
  mutating func passDue() {
    var isSilenceOver = silences.contains { $0.until <= now } || silences.contains { $0.isActive(at: now - 1) && !$0.isActive(at: now) }
    if isDoubtful {
      // No silence ends while the clock is doubted.
      (isSilenceEndHeld, isSilenceOver) = (isSilenceEndHeld || isSilenceOver, false)
    } else {
      silences = silences.filter { $0.until > now }
    }
    for place in alertsOpen.indices {
      let alert = alertsOpen[place]
      let isDue = alert.hold == "waiting" && alert.waitsUntil ?? .max <= now
      if isDue || isSilenceOver && alert.hold == "silenced" { consider(place) }
    }
  }

  /// What ended while the clock was doubted ends now.
  mutating func passHeldSilences() {
    guard isSilenceEndHeld, !isDoubtful else { return }
    isSilenceEndHeld = false
    silences = silences.filter { $0.until > now }
    considerAll("silenced")
  }

  // MARK: While it is raised

  mutating func follow(_ r: Int, _ d: Int, _ view: ModelView, at t: Int64) {
    guard let place = index(r, d), lives[r][d].raised != nil else { return }
    if alertsOpen[place].lateAt != nil {
      alertsOpen[place].lateAt = isLate(t) && now - alertsOpen[place].detectedAt < 900_000 ? now : nil
      if alertsOpen[place].lateAt == nil { consider(place) }
    }
    if lives[r][d].isBehind(t) { return }
    var escalates = false
    for (s, step) in ModelRules.all[r].steps.enumerated() where alertsOpen[place].isMore(step.severity) {
      if reaches(place, s, step, view, at: t) { escalates = true }
    }
    guard escalates else { return }
    happens(.escalated, place, at: t)
    consider(place)
  }

  private mutating func reaches(_ place: Int, _ s: Int, _ step: ModelStep, _ view: ModelView, at t: Int64) -> Bool {
    if let last = alertsOpen[place].steps[s].last, t < last.t { return false }
    guard let isTrue = step.when(view) else { return false }
    guard isTrue else {
      alertsOpen[place].steps[s] = []
      return false
    }
    if let last = alertsOpen[place].steps[s].last, t - last.t > step.patience { alertsOpen[place].steps[s] = [] }
    alertsOpen[place].steps[s].append((t, now))
    guard let first = alertsOpen[place].steps[s].first, t - first.t >= step.hold else { return false }
    alertsOpen[place].steps[s] = []
    alertsOpen[place].severity = step.severity
    alertsOpen[place].isAcknowledged = false
    alertsOpen[place].remindedAt = now
    return true
  }

  mutating func followAtTick() {
    for key in alertsOpen.map(\.place) { if let place = index(key.0, key.1) { followAtTick(place) } }
    release()
  }

  private mutating func followAtTick(_ place: Int) {
    let alert = alertsOpen[place]
    let rule = ModelRules.all[alert.rule]
    for (s, step) in rule.steps.enumerated() {
      if let last = alert.steps[s].last, now - last.clock > step.patience { alertsOpen[place].steps[s] = [] }
    }
    if let late = alert.lateAt, now - late >= 60_000 || now - alert.detectedAt >= 900_000 {
      alertsOpen[place].lateAt = nil
      return consider(place)
    }
    let life = lives[alert.rule][alert.device]
    if let turned = alert.turnedAt {
      guard life.pendingSince == nil, now - turned >= rule.flapping?.within ?? 0 else { return }
      if life.raised == nil { return end(place, at: now) }
      alertsOpen[place].turnedAt = nil
      alertsOpen[place].remindedAt = alert.isTold ? now : nil
    } else if let remind = rule.remind, alert.isTold, !alert.isAcknowledged, let last = alert.remindedAt, now - last >= remind {
      let due = last + (now - last) / remind * remind
      alertsOpen[place].remindedAt = due
      // Of those that are due on the way of the clock to one input, the last is told.
      if (due + remind + 59_999) / 60_000 * 60_000 > destination { happens(.reminder, place, at: now) }
    }
  }

  // MARK: Commands

  /// What cannot be obeyed changes nothing.
  mutating func obey(_ command: ModelCommand) {
    switch command {
    case .acknowledge(let id):
      guard let place = alertsOpen.firstIndex(where: { $0.id == id }) else { return }
      alertsOpen[place].isAcknowledged = true
      happens(.acknowledged, place, at: now)
    case .close(let id):
      guard let place = alertsOpen.firstIndex(where: { $0.id == id }) else { return }
      let alert = alertsOpen[place]
      end(place, at: lives[alert.rule][alert.device].close(clock: isDoubtful ? .min : now))
      release()
    case .silence(var silence):
      if silence.from == .min { silence.from = now }
      guard silence.until > max(now, silence.from) else { return }
      silences.removeAll { $0.id == silence.id }
      silences.append(silence)
      considerAll("silenced")
    case .unsilence(let id):
      guard silences.contains(where: { $0.id == id }) else { return }
      silences.removeAll { $0.id == id }
      considerAll("silenced")
    }
  }
}
