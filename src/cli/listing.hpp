/// An answer that is written while it is found, for lists that may have more rows than memory. With --json it is the one
/// document of reply.hpp all the same: what became of the command stands behind the rows.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "cli/reply.hpp"
#include "cli/results_browse.hpp"

namespace varve::cli {

/// Text in, text out: what take() gives is printed by the caller, in this order.
class Listing {
public:
    Listing(std::string command, bool json) : command_{std::move(command)}, json_{json} {}

    /// Once, before the first row.
    void begin(const ListHead& head);
    void add(const EntryRow& row);
    void add(const FoundRow& row);
    void add(const DifferenceRow& row);
    /// What is to be printed since the last call.
    std::string take();

    /// The rest: the command did what it was asked for, but for `shortfall`.
    Answer end(const std::optional<Error>& shortfall = {});
    /// The rest when it failed, before or among the rows.
    Answer fail(const Error& error);

private:
    /// Cells under one another as long as none grew.
    std::string line(const std::array<std::string, 4>& cells, const std::string& name);
    void add_json(const nlohmann::json& row);
    void end_json(int exit_code, const std::optional<Error>& error);
    std::string summary() const;

    std::string command_;
    bool json_;
    bool begun_ = false;
    bool compares_ = false;
    std::string text_;
    std::size_t rows_ = 0;
    std::size_t added_ = 0, removed_ = 0, changed_ = 0;
    std::array<std::size_t, 4> widths_{10, 0, 9, 20};
};

}  // namespace varve::cli
