#include "mysql/apply.hpp"

#include "mysql/tools.hpp"
#include "varve/error.hpp"
#include "varve/process.hpp"

namespace varve::mysql {

namespace {

constexpr std::chrono::hours apply_time_max{24 * 30};

std::string last_line(std::string_view text) {
    while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
    return std::string{text.substr(text.rfind('\n') + 1)};
}

bool knows_option(const std::filesystem::path& program, const std::string& option) {
    Command ask;
    ask.arguments = {program.string(), "--no-defaults", option, "--help"};
    return run_command(ask).exit_code == 0;
}

}  // namespace

void apply_files(const ApplyOrder& order) {
    if (order.files.empty()) return;
    const auto reader =
        order.mariadb ? tool(order.bin_dir, {"mariadb-binlog", "mysqlbinlog"}) : tool(order.bin_dir, {"mysqlbinlog"});
    const auto client = order.mariadb ? tool(order.bin_dir, {"mariadb", "mysql"}) : tool(order.bin_dir, {"mysql"});
    const LoginFile login{order.scratch, order.login, order.password, order.mariadb ? Flavour::mariadb : Flavour::mysql};

    Command read;
    read.arguments = {reader.string(), "--no-defaults", "--start-position=" + std::to_string(order.start_position),
                      "--stop-position=" + std::to_string(order.stop_position)};
    // Whether GTIDs come in their order is the source's own business: what it wrote is applied.
    if (order.mariadb && knows_option(reader, "--skip-gtid-strict-mode")) read.arguments.emplace_back("--skip-gtid-strict-mode");
    for (const auto& file : order.files) read.arguments.push_back(file.string());
    read.time_max = apply_time_max;
    read.dies_with_us = true;

    Command take;
    take.arguments = {client.string(), login.argument(), "--binary-mode", "--batch", "--max-allowed-packet=1G"};
    // The server's own limit is for its users.
    if (order.mariadb) take.arguments.emplace_back("--init-command=SET SESSION max_statement_time = 0");
    take.dies_with_us = true;

    const auto done = run_pipeline(read, take);
    if (done.consumer.exit_code != 0)
        throw Error{Fault::invalid, "the server refused a statement of the archived log (exit code " +
                                        std::to_string(done.consumer.exit_code) + ")"}
            .with("server", last_line(done.consumer.errors))
            .with("reader", last_line(done.producer.errors));
    if (done.producer.exit_code != 0)
        throw Error{Fault::corrupt,
                    reader.filename().string() + " could not read the archived log: " + last_line(done.producer.errors)};
}

}  // namespace varve::mysql
