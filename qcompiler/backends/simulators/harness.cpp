// Runs one verilated design over its AXI4-Stream ports. The generated main() includes this file,
// lists the ports, and calls Bench::run. All numbers come from <exchange>/config.txt, so one
// binary serves every stimulus. Results: <port>.out (bytes), <port>.cycles (int64), report.txt.
// Assumes a little-endian host: a port's bytes are copied as they lie in memory.
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

static FILE* open_or_die(const std::string& path, const char* mode) {
    FILE* file = std::fopen(path.c_str(), mode);
    if (!file) {
        std::perror(path.c_str());
        std::exit(3);
    }
    return file;
}

// The Verilog benches draw the same numbers, so stalls are equal in every simulator.
static uint32_t next_random(uint32_t& state) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

template <typename T>
static void save(const std::string& path, const std::vector<T>& values) {
    FILE* file = open_or_die(path, "wb");
    if (std::fwrite(values.data(), sizeof(T), values.size(), file) != values.size()) std::exit(3);
    if (std::fclose(file) != 0) std::exit(3);
}

struct Config {
    uint64_t frames, stall_in, stall_out, gap, timeout, drain, reset_cycles, seed;
};

struct Port {
    const char* name;
    bool is_input;
    size_t bytes;
    uint8_t *tdata, *tvalid;
    uint8_t *tready = nullptr, *tlast = nullptr;  // neither, where there is no handshake

    uint64_t beats = 0, total = 0, moved = 0, stall = 0, gap = 0, gap_left = 0;
    uint32_t random = 1;
    bool handshake = true;
    uint8_t no_tready = 1, no_tlast = 0;
    bool offered = false;          // input: the source holds a beat out
    bool held = false;             // output: last cycle had TVALID without TREADY
    uint8_t held_last = 0;
    uint64_t tlast_errors = 0;
    std::vector<uint8_t> data, held_data;
    std::vector<int64_t> cycles;   // [2][frames]: first and last beat
    const char* broken = nullptr;  // rule that the design broke

    void set_up(const Config& config, const std::string& exchange) {
        total = beats * config.frames;
        stall = is_input ? config.stall_in : config.stall_out;
        if (!tready) {             // it is always ready, and tells frames by counting
            tready = &no_tready;
            tlast = &no_tlast;
            handshake = false;
            if (!is_input) stall = 0;
        }
        gap = config.gap;
        data.resize(total * bytes);
        held_data.resize(bytes);
        cycles.assign(2 * config.frames, -1);
        if (!is_input) return;
        FILE* file = open_or_die(exchange + "/" + name + ".in", "rb");
        if (std::fread(data.data(), 1, data.size(), file) != data.size()) std::exit(3);
        std::fclose(file);
    }

    // TDATA means nothing while TVALID is low; random bytes catch a design that looks anyway.
    void drive_garbage() {
        uint32_t noise = random;
        for (size_t i = 0; i < bytes; ++i) tdata[i] = uint8_t(next_random(noise) >> 9);
        *tlast = noise & 1;
    }

    void drive_input(uint64_t draw) {
        if (!offered && moved < total) {
            if (gap_left > 0) {
                --gap_left;
            } else if (draw >= stall) {
                offered = true;
                std::memcpy(tdata, &data[moved * bytes], bytes);
                *tlast = moved % beats == beats - 1;
            }
        }
        if (!offered) drive_garbage();
        *tvalid = offered;
    }

    void drive() {
        const uint64_t draw = next_random(random);
        if (is_input) drive_input(draw);
        else *tready = draw >= stall;
    }

    void note_cycle(int64_t cycle) {
        const uint64_t frame = moved / beats, frames = total / beats;
        if (moved % beats == 0) cycles[frame] = cycle;
        if (moved % beats == beats - 1) cycles[frames + frame] = cycle;
    }

    void take_output(int64_t cycle, FILE* report) {
        if (moved >= total) return;
        note_cycle(cycle);
        std::memcpy(&data[moved * bytes], tdata, bytes);
        const bool last = moved % beats == beats - 1;
        if (handshake && bool(*tlast) != last && tlast_errors++ < 100)
            std::fprintf(report, "tlast %s %" PRIu64 " %d\n", name, moved, int(*tlast));
    }

    void check_held() {
        if (held) {
            if (!*tvalid) broken = "TVALID fell before TREADY";
            else if (std::memcmp(held_data.data(), tdata, bytes)) broken = "TDATA changed before TREADY";
            else if (held_last != *tlast) broken = "TLAST changed before TREADY";
        }
        held = *tvalid && !*tready;
        if (!held) return;
        std::memcpy(held_data.data(), tdata, bytes);
        held_last = *tlast;
    }

    // Frames of which at least a part has moved.
    uint64_t begun() const { return (moved + beats - 1) / beats; }

    // After a reset: nothing is offered or held, and the port stands at the start of a frame.
    void go_on(uint64_t frame) {
        moved = frame * beats;
        offered = held = false;
        gap_left = 0;
    }

    // Called between settling and the clock edge. Returns whether a beat moves at that edge.
    bool sample(int64_t cycle, FILE* report) {
        if (!is_input) check_held();
        if (!(*tvalid && *tready)) return false;
        if (is_input) {
            note_cycle(cycle);
            offered = false;
            if ((moved + 1) % beats == 0) gap_left = gap;
        } else {
            take_output(cycle, report);
        }
        ++moved;
        return true;
    }
};

struct Bench {
    std::string exchange;
    Config config{};
    std::vector<uint64_t> beats, seeds, resets;
    std::vector<Port> ports;
    FILE* report = nullptr;
    uint64_t told = 0;             // frames through, as progress.txt says

    explicit Bench(const char* directory) : exchange{directory} {
        FILE* file = open_or_die(exchange + "/config.txt", "r");
        Config& c = config;
        for (uint64_t* field : {&c.frames, &c.stall_in, &c.stall_out, &c.gap, &c.timeout, &c.drain,
                                &c.reset_cycles, &c.seed})
            if (std::fscanf(file, "%" SCNu64, field) != 1) std::exit(3);
        uint64_t beat_count, seed;
        while (std::fscanf(file, "%" SCNu64 "%" SCNu64, &beat_count, &seed) == 2) {
            beats.push_back(beat_count);
            seeds.push_back(seed);
        }
        std::fclose(file);
        uint64_t before;
        file = open_or_die(exchange + "/resets.txt", "r");
        while (std::fscanf(file, "%" SCNu64, &before) == 1) resets.push_back(before);
        std::fclose(file);
    }

    void set_up() {
        if (ports.size() != beats.size()) std::exit(3);
        for (size_t i = 0; i < ports.size(); ++i) {
            ports[i].beats = beats[i];
            ports[i].random = uint32_t(seeds[i]);
            ports[i].set_up(config, exchange);
        }
        report = open_or_die(exchange + "/report.txt", "w");
    }

    template <typename Eval>
    void reset(uint8_t* clock, uint8_t* reset_n, const Eval& eval) {
        *reset_n = 0;
        for (uint64_t i = 0; i < config.reset_cycles; ++i) {
            for (Port& port : ports) {
                if (port.is_input) {
                    port.drive_garbage();
                    *port.tvalid = 0;
                } else {
                    *port.tready = 0;
                }
            }
            *clock = 0;
            eval();
            *clock = 1;
            eval();
        }
        for (Port& port : ports)
            if (!port.is_input && *port.tvalid) port.broken = "TVALID is high during reset";
        *reset_n = 1;
    }

    bool any_broken(int64_t cycle) {
        for (const Port& port : ports) {
            if (!port.broken) continue;
            std::fprintf(report, "broken %s %" PRId64 " %s\n", port.name, cycle, port.broken);
            return true;
        }
        return false;
    }

    bool all_through() const {
        for (const Port& port : ports)
            if (port.moved < port.total) return false;
        return true;
    }

    // At most a hundred times a run, so that telling takes no time of short frames.
    void tell_progress() {
        uint64_t done = config.frames;
        for (const Port& port : ports)
            if (port.moved / port.beats < done) done = port.moved / port.beats;
        if (done < told + (config.frames + 99) / 100) return;
        told = done;
        FILE* file = open_or_die(exchange + "/progress.txt", "w");
        std::fprintf(file, "%" PRIu64 "\n", done);
        std::fclose(file);
    }

    // Frames that have begun are lost; all ports go on with the first one that has begun nowhere.
    template <typename Eval>
    void reset_amid(int64_t cycle, uint8_t* clock, uint8_t* reset_n, const Eval& eval) {
        uint64_t next = 0;
        for (const Port& port : ports)
            if (port.begun() > next) next = port.begun();
        std::fprintf(report, "reset %" PRId64 " %" PRIu64 "\n", cycle, next);
        for (const Port& port : ports)
            if (!port.is_input)
                std::fprintf(report, "delivered %s %" PRIu64 "\n", port.name, port.moved / port.beats);
        reset(clock, reset_n, eval);
        for (Port& port : ports) port.go_on(next);
    }

    template <typename Eval>
    int64_t stream(uint8_t* clock, uint8_t* reset_n, const Eval& eval) {
        uint64_t idle = 0, drained = 0;
        size_t done = 0;
        for (int64_t cycle = 0;; ++cycle) {
            if (done < resets.size() && uint64_t(cycle) == resets[done] && !all_through()) {
                reset_amid(cycle, clock, reset_n, eval);
                if (any_broken(cycle)) return cycle;
                ++done;
                idle = 0;
            }
            for (Port& port : ports) port.drive();
            *clock = 0;
            eval();
            bool moved = false;
            for (Port& port : ports) moved |= port.sample(cycle, report);
            if (any_broken(cycle)) return cycle;
            if (moved) tell_progress();
            *clock = 1;
            eval();
            if (all_through()) {
                if (drained++ >= config.drain) return cycle + 1;
                continue;
            }
            idle = moved ? 0 : idle + 1;
            if (idle < config.timeout) continue;
            std::fprintf(report, "deadlock\n");
            return cycle + 1;
        }
    }

    template <typename Eval>
    int run(uint8_t* clock, uint8_t* reset_n, const Eval& eval) {
        set_up();
        reset(clock, reset_n, eval);
        const int64_t cycles = any_broken(-1) ? 0 : stream(clock, reset_n, eval);
        std::fprintf(report, "cycles %" PRId64 "\n", cycles);
        for (const Port& port : ports) {
            std::fprintf(report, "moved %s %" PRIu64 "\n", port.name, port.moved);
            save(exchange + "/" + port.name + ".cycles", port.cycles);
            if (!port.is_input) save(exchange + "/" + port.name + ".out", port.data);
        }
        std::fprintf(report, "end\n");
        return std::fclose(report) == 0 ? 0 : 3;
    }
};
