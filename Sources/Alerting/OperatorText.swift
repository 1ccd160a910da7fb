package import Readings

/// The catalogue of fixed texts for operators, in both languages. What rules say stands in their files.
package enum OperatorText {
  /// The message of a `cleared` event: the rule's own message tells what is wrong, and would be untrue now.
  package static func cleared(rule: BilingualText, place: String) -> BilingualText {
    BilingualText(vi: "\(place): đã hết “\(rule.vi)”", en: "\(place): over, “\(rule.en)”")
  }

  /// The same where it ended otherwise than by its condition.
  package static func ended(rule: BilingualText, place: String, _ reason: AlertReason, by: String?) -> BilingualText {
    let why = name(of: reason)
    let (vi, en) = by.map { ("\($0), \(why.vi)", "\($0), \(why.en)") } ?? (why.vi, why.en)
    return BilingualText(vi: "\(place): đã đóng “\(rule.vi)” (\(vi))", en: "\(place): closed, “\(rule.en)” (\(en))")
  }

  /// The message of an event that only tests whether a sink takes events.
  package static func test(sink: String) -> BilingualText {
    BilingualText(vi: "Sự kiện thử gửi tới “\(sink)”: không phải cảnh báo", en: "A test event to “\(sink)”: no alert")
  }

  package static func name(of transition: AlertTransition) -> BilingualText {
    switch transition {
    case .raised: BilingualText(vi: "phát sinh", en: "raised")
    case .escalated: BilingualText(vi: "tăng mức", en: "escalated")
    case .acknowledged: BilingualText(vi: "đã tiếp nhận", en: "acknowledged")
    case .closed: BilingualText(vi: "đóng thủ công", en: "closed by hand")
    case .cleared: BilingualText(vi: "kết thúc", en: "cleared")
    case .flapping: BilingualText(vi: "chập chờn", en: "flapping")
    case .settled: BilingualText(vi: "ổn định lại", en: "settled")
    case .reminder: BilingualText(vi: "nhắc lại", en: "reminder")
    case .stale: BilingualText(vi: "thiếu dữ liệu mới", en: "stale")
    case .fresh: BilingualText(vi: "có dữ liệu trở lại", en: "fresh again")
    case .late: BilingualText(vi: "dữ liệu đến muộn, chưa báo", en: "late, not told")
    case .silenced: BilingualText(vi: "đang tắt báo", en: "silenced")
    case .inhibited: BilingualText(vi: "bị cảnh báo khác che", en: "inhibited")
    case .told: BilingualText(vi: "báo sau", en: "told later")
    }
  }

  package static func name(of reason: AlertReason) -> BilingualText {
    switch reason {
    case .condition: BilingualText(vi: "theo điều kiện của quy tắc", en: "the rule's condition")
    case .lateData: BilingualText(vi: "dữ liệu đến muộn", en: "readings came late")
    case .dataFresh: BilingualText(vi: "dữ liệu muộn đã đến hết", en: "late readings have come")
    case .silence: BilingualText(vi: "theo lệnh tắt báo", en: "a silence")
    case .silenceOver: BilingualText(vi: "hết thời gian tắt báo", en: "the silence is over")
    case .inhibitor: BilingualText(vi: "có cảnh báo che", en: "another rule inhibits it")
    case .inhibitorOver: BilingualText(vi: "hết cảnh báo che", en: "no rule inhibits it any longer")
    case .waited: BilingualText(vi: "đã chờ cảnh báo che", en: "inhibiting rules were waited for")
    case .hand: BilingualText(vi: "do người trực", en: "by hand")
    case .turns: BilingualText(vi: "đổi trạng thái quá nhiều lần", en: "it turned too often")
    case .noTurns: BilingualText(vi: "không còn đổi trạng thái", en: "it turns no longer")
    case .unacknowledged: BilingualText(vi: "chưa ai tiếp nhận", en: "nobody has acknowledged it")
    case .restored: BilingualText(vi: "vừa khôi phục từ bản sao lưu", en: "the store was restored from a backup")
    case .deviceSilent: BilingualText(vi: "thiết bị không gửi dữ liệu", en: "the device is silent")
    case .deviceHeard: BilingualText(vi: "thiết bị gửi dữ liệu trở lại", en: "the device is heard again")
    case .ruleRemoved: BilingualText(vi: "quy tắc đã bị gỡ", en: "the rule was removed")
    case .deviceRemoved: BilingualText(vi: "thiết bị đã bị gỡ", en: "the device was removed")
    case .outOfScope: BilingualText(vi: "quy tắc không còn áp dụng cho đối tượng này", en: "the rule is no longer for it")
    }
  }

  package static func name(of hold: AlertHold) -> BilingualText {
    switch hold {
    case .late: name(of: AlertTransition.late)
    case .silenced: name(of: AlertTransition.silenced)
    case .inhibited: name(of: AlertTransition.inhibited)
    case .waiting: BilingualText(vi: "đang chờ cảnh báo che", en: "waiting for inhibiting rules")
    }
  }
}
