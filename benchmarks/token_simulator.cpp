// Moves tokens through a network of stream processes cycle by cycle, with FIFOs of given depths.
// The blocks are those of qcompiler/rtl/blocks, without data; benchmarks/token_simulator.py calls this.
#include <cstddef>
#include <cstdint>
#include <vector>

namespace {
enum Kind { kGeneric, kFifo, kWindow, kWire, kProduct };

struct Slice {  // register slice: two entries, in_ready is a register
  bool valid = false, spare = false, pushed = false, taken = false;
  void step() {
    bool advance = taken || !valid, accept = pushed && !spare;
    bool next = advance ? (spare || pushed) : valid;
    spare = advance ? false : (accept || spare);
    valid = next;
    pushed = taken = false;
  }
};

struct Node {
  int kind, stages, cycles, depth;
  const uint8_t* flags;          // generic, per slot: bit i takes input i, bit 7 makes
  const int32_t *want, *free_;   // window, per row of windows
  int buffer_rows, row_beats, out_beats, rows;
  std::vector<int> in, out;
  uint32_t pipe = 0;
  int slot = 0, count = 0, beat = 0, row = 0;
};
}  // namespace

// Returns the number of frames whose last beat left; `ends` gets the cycle of each.
extern "C" int64_t simulate(int nodes, const int32_t* table, const int32_t* wires,
                            const uint8_t* flags, const int32_t* rows, int channels, int inputs,
                            const int32_t* input_channels, int output, int output_beats,
                            int frames, int64_t limit, int64_t* ends) {
  std::vector<Node> all;
  std::vector<int> alias(channels);
  for (int c = 0; c < channels; ++c) alias[c] = c;
  for (int n = 0; n < nodes; ++n) {
    const int32_t* t = table + 12 * n;
    Node node;
    node.kind = t[0], node.stages = t[1], node.cycles = t[2], node.depth = t[3];
    node.flags = flags + t[4];
    node.buffer_rows = t[5], node.row_beats = t[6], node.out_beats = t[7], node.rows = t[8];
    node.want = rows + t[9], node.free_ = node.want + node.rows;
    for (int i = 0; i < t[10]; ++i) node.in.push_back(alias[*wires++]);
    for (int i = 0; i < t[11]; ++i) node.out.push_back(*wires++);
    if (node.kind == kWire || (node.kind == kFifo && node.depth == 0))
      alias[node.out[0]] = node.in[0];  // producers come first
    else
      all.push_back(node);
  }
  std::vector<Slice> slices(channels);
  std::vector<char> source(channels, 0);
  for (int i = 0; i < inputs; ++i) source[input_channels[i]] = 1, slices[input_channels[i]].valid = true;
  Slice& last = slices[alias[output]];
  int64_t made = 0, done = 0;
  for (int64_t cycle = 0; cycle < limit && done < frames; ++cycle) {
    if (last.valid) {
      last.taken = true;
      if (++made % output_beats == 0) ends[done++] = cycle;
    }
    for (Node& node : all) {
      uint32_t top = node.stages ? 1u << (node.stages - 1) : 0;
      bool out_valid = node.pipe & top, room = true;
      for (int c : node.out) room = room && !slices[c].spare;
      bool enable = node.stages ? (!out_valid || room) : room;
      bool produce = false;
      if (node.kind == kGeneric) {
        uint8_t flag = node.flags[node.slot];
        bool issue = enable;
        for (std::size_t i = 0; i < node.in.size(); ++i)
          if (flag >> i & 1) issue = issue && slices[node.in[i]].valid;
        if (issue) {
          for (std::size_t i = 0; i < node.in.size(); ++i)
            if (flag >> i & 1) slices[node.in[i]].taken = true;
          produce = flag >> 7;
          if (++node.slot == node.cycles) node.slot = 0;
        }
      } else if (node.kind == kFifo) {
        bool push = slices[node.in[0]].valid && (node.count != node.depth || enable);
        produce = enable && node.count > 0;
        if (push) slices[node.in[0]].taken = true;
        node.count += int(push) - int(produce);
      } else if (node.kind == kProduct) {  // generic, while a matrix is whole
        uint8_t flag = node.flags[node.slot];
        bool push = slices[node.in[1]].valid && node.count != node.buffer_rows;
        bool issue = enable && node.count > 0 && (!(flag & 1) || slices[node.in[0]].valid);
        if (issue) {
          if (flag & 1) slices[node.in[0]].taken = true;
          produce = flag >> 7;
          if (++node.slot == node.cycles) node.slot = 0, --node.count;
        }
        if (push) {
          slices[node.in[1]].taken = true;
          if (++node.beat == node.row_beats) node.beat = 0, ++node.count;
        }
      } else {
        bool push = slices[node.in[0]].valid && node.count != node.buffer_rows;
        produce = enable && node.count >= node.want[node.row];
        if (push) {
          slices[node.in[0]].taken = true;
          if (++node.beat == node.row_beats) node.beat = 0, ++node.count;
        }
        if (produce && ++node.slot == node.out_beats) {
          node.slot = 0, node.count -= node.free_[node.row];
          if (++node.row == node.rows) node.row = 0;
        }
      }
      bool give = node.stages ? out_valid : produce;
      for (int c : node.out) slices[c].pushed = give;
      if (node.stages && enable) node.pipe = (node.pipe << 1 | uint32_t(produce)) & (2 * top - 1);
    }
    for (int c = 0; c < channels; ++c)
      if (!source[c]) slices[c].step();
  }
  return done;
}
