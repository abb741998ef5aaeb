/// What MySQL 8.3 and later write where a transaction has a tag: events of MySQL's own serialisation, and the sets that name
/// tags. Pure. A form that is not known gives nothing: such an event is archived like any other.
#pragma once

#include <optional>

#include "mysql/binlog_event.hpp"
#include "varve/bytes.hpp"

namespace varve::mysql {

/// The body of a GTID_TAGGED event. The head of a transaction in any case; of an unknown form, one that tells nothing.
TransactionHead parse_tagged_gtid(ByteView body);

/// The body of a PREVIOUS_GTIDS event, without checksum; tagged or not.
std::optional<GtidSet> find_previous_gtids(ByteView body);

}  // namespace varve::mysql
