#include "sqlite/target.hpp"

#include <algorithm>
#include <charconv>

#include "sqlite/record_reader.hpp"
#include "varve/error.hpp"

namespace varve::sqlite {

namespace {

Error not_recoverable(std::string sentence) {
    return Error{Fault::missing, std::move(sentence)}.code("point_not_recoverable", 22);
}

class Resolver {
public:
    Resolver(Target target, const BackupFacts& base, LogSource* log)
        : target_{std::move(target)}, base_{base}, facts_{read_base_facts(base.facts)}, log_{log} {
        if (log_ != nullptr && log_->path().empty()) log_ = nullptr;
    }

    Task<ResolvedTarget> run() {
        const bool base_alone = target_.kind == Target::Kind::immediate ||
                                (log_ == nullptr && (target_.kind == Target::Kind::latest || target_.kind == Target::Kind::time));
        if (base_alone) co_return at_base("the database as the backup holds it");
        if (log_ == nullptr)
            throw not_recoverable("without archived log only the backup itself can be had").hint("Restore it with: --immediate");
        const auto& stretch = log_->path().back();
        if (!base_.stop || stretch.lineage.name != base_.stop->lineage)
            throw Error{Fault::corrupt, "the log on the way is not of the backup's lineage"};
        if (target_.kind == Target::Kind::transaction) refuse_earlier();
        if (target_.kind == Target::Kind::latest) co_return co_await at_end(stretch);
        moments_ = co_await log_->moments(stretch.lineage.name, base_.stop->at, stretch.to);
        switch (target_.kind) {
            case Target::Kind::time:
                co_return at_time();
            case Target::Kind::transaction:
                co_return at_transaction();
            case Target::Kind::mark:
            case Target::Kind::name:
                co_return co_await at_mark(stretch);
            default:
                throw Error{Fault::invalid, "SQLite has no target of this kind: " + target_.text}.hint(
                    "Use --at, --txn, --mark, --immediate or --latest.");
        }
    }

private:
    ResolvedTarget at_base(const std::string& why) const {
        return {.target = target_, .position = base_.stop, .explanation = why + ", " + words_of_transaction(facts_.number)};
    }

    /// After the first `count` transactions behind the base.
    ResolvedTarget after(std::size_t count, const std::string& why) const {
        return count == 0 ? at_base(why) : at_moment(moments_[count - 1], facts_.number + count, why);
    }

    ResolvedTarget at_moment(const Moment& moment, std::uint64_t number, const std::string& why) const {
        const auto text = words_of_transaction(number);
        return {.target = target_,
                .position = LogPosition{base_.stop->lineage, moment.at, text},
                .explanation = why + ": through " + text + ", seen at " + to_rfc3339(moment.time)};
    }

    /// The end of the log is looked at, as much as holds two transactions: the restore itself reads all of it soon enough.
    Task<ResolvedTarget> at_end(const LineageStretch& stretch) {
        static const std::string why = "to the last archived transaction";
        const auto begin = base_.stop->at;
        for (std::uint64_t window = 1U << 20;; window *= 8) {
            const auto from = stretch.to > begin + window ? stretch.to - window : begin;
            moments_ = co_await log_->moments(stretch.lineage.name, from, stretch.to);
            if (from == begin) co_return after(moments_.size(), why);
            if (moments_.size() >= 2) break;
        }
        const auto& last = moments_.back();
        co_return at_moment(last, co_await number_behind(moments_[moments_.size() - 2].at, last.at), why);
    }

    /// Of the transaction whose record ends at `to`; the one before it ends at `from`.
    Task<std::uint64_t> number_behind(std::uint64_t from, std::uint64_t to) {
        RecordReader reader{log_->read(base_.stop->lineage, from, to), from};
        std::uint64_t number = 0;
        while (const auto record = co_await reader.next_if_whole()) {
            if (record->kind != RecordKind::mark) number = record->number;
            co_await reader.skip_content();
        }
        if (number <= facts_.number) throw Error{Fault::corrupt, "the log's last transaction is one that the backup holds"};
        co_return number;
    }

    ResolvedTarget at_time() const {
        if (!target_.time) throw Error{Fault::invalid, "a target time without a time"};
        const auto time = *target_.time;
        if (time < base_.stop_time)
            throw not_recoverable("the backup is of " + to_rfc3339(base_.stop_time) + ", after " + to_rfc3339(time))
                .with("nearest_after", to_rfc3339(base_.stop_time))
                .hint("The nearest that can be had from this backup: --at " + to_rfc3339(base_.stop_time) + ".");
        const auto beyond = std::ranges::find_if(
            moments_, [&](const Moment& moment) { return target_.inclusive ? moment.time > time : moment.time >= time; });
        return after(static_cast<std::size_t>(beyond - moments_.begin()), "as it was at " + to_rfc3339(time));
    }

    std::uint64_t wanted_transaction() const {
        std::uint64_t wanted = 0;
        const auto& text = target_.text;
        const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), wanted);
        if (problem != std::errc{} || end != text.data() + text.size())
            throw Error{Fault::invalid, "\"" + text + "\" is no number of a transaction"};
        return !target_.inclusive && wanted > 0 ? wanted - 1 : wanted;
    }

    /// Without reading any log: an older backup is asked next.
    void refuse_earlier() const {
        if (wanted_transaction() < facts_.number)
            throw not_recoverable("the backup holds transaction " + std::to_string(facts_.number) + " already")
                .with("nearest_after", std::to_string(facts_.number))
                .hint("The nearest that can be had from this backup: --txn " + std::to_string(facts_.number) + ".");
    }

    ResolvedTarget at_transaction() const {
        const auto wanted = wanted_transaction();
        const auto last = facts_.number + moments_.size();
        if (wanted > last)
            throw not_recoverable("the archived log ends with transaction " + std::to_string(last) + ", before " + target_.text)
                .with("nearest_before", std::to_string(last))
                .hint("The nearest that can be had: --txn " + std::to_string(last) + ".");
        return after(static_cast<std::size_t>(wanted - facts_.number), "as asked");
    }

    Task<ResolvedTarget> at_mark(const LineageStretch& stretch) {
        RecordReader reader{log_->read(stretch.lineage.name, base_.stop->at, stretch.to), base_.stop->at};
        std::optional<ResolvedTarget> found;
        while (const auto record = co_await reader.next_if_whole()) {
            if (record->kind != RecordKind::mark) {
                co_await reader.skip_content();
                continue;
            }
            if (text_of(co_await reader.take(record->count)) != target_.text) continue;
            found = ResolvedTarget{
                .target = target_,
                .position = LogPosition{base_.stop->lineage, reader.position(), words_of_transaction(record->number)},
                .explanation = "the mark " + target_.text + ", set after " + words_of_transaction(record->number) + " at " +
                               to_rfc3339(record->observed)};
        }
        if (!found)
            throw not_recoverable("no mark named " + target_.text + " lies in the log behind this backup")
                .hint("Marks are made with: varve mark SOURCE NAME");
        co_return std::move(*found);
    }

    Target target_;
    const BackupFacts& base_;
    BaseFacts facts_;
    LogSource* log_;
    std::vector<Moment> moments_;
};

std::uint64_t number_in(const Properties& facts, const std::string& key, int base) {
    const auto found = facts.find(key);
    std::uint64_t value = 0;
    if (found != facts.end()) {
        const auto& text = found->second;
        const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value, base);
        if (problem == std::errc{} && end == text.data() + text.size()) return value;
    }
    throw Error{Fault::corrupt, "the backup does not tell its " + key};
}

}  // namespace

Task<ResolvedTarget> resolve_target(Target target, const BackupFacts& base, LogSource* log) {
    Resolver resolver{std::move(target), base, log};
    co_return co_await resolver.run();
}

BaseFacts read_base_facts(const Properties& facts) {
    BaseFacts read;
    read.page_size = static_cast<std::uint32_t>(number_in(facts, "page_size", 10));
    read.pages = static_cast<std::uint32_t>(number_in(facts, "pages", 10));
    read.number = number_in(facts, "transaction", 10);
    read.checksum = number_in(facts, "checksum", 16);
    if (const auto path = facts.find("path"); path != facts.end()) read.path = path->second;
    return read;
}

Properties to_properties(const BaseFacts& facts) {
    Bytes checksum;
    for (int shift = 56; shift >= 0; shift -= 8) checksum.push_back(static_cast<std::uint8_t>(facts.checksum >> shift));
    return {{"page_size", std::to_string(facts.page_size)},
            {"pages", std::to_string(facts.pages)},
            {"transaction", std::to_string(facts.number)},
            {"checksum", to_hex(checksum)},
            {"path", facts.path.string()}};
}

}  // namespace varve::sqlite
