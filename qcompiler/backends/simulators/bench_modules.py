"""Verilog-2005 modules that drive and watch AXI4-Stream ports, shared by both Verilog benches.

They keep the cycle timing and the random numbers of harness.cpp, so a design stalls in the same
cycles whichever simulator runs it. `PREFIX` stands for what keeps module names apart from the
design's.
"""

SOURCE = """\
// Offers the beats in FILE, in order, holding each until it is accepted. Stalls at random with a
// chance of STALL / 2**32 per cycle. While nothing is offered TDATA and TLAST are noise.
module PREFIX_source #(
    parameter WIDTH = 8,
    parameter BEATS = 1,
    parameter FRAMES = 1,
    parameter GAP = 0,
    parameter [32:0] STALL = 0,
    parameter [31:0] SEED = 1,
    parameter FILE = ""
) (
    input wire clk,
    input wire go,
    output reg [WIDTH-1:0] tdata,
    output reg tvalid,
    output reg tlast,
    input wire tready,
    output reg [31:0] moved
);
  localparam [31:0] TOTAL = BEATS * FRAMES;
  reg [WIDTH-1:0] beats [0:BEATS*FRAMES-1];
  reg [31:0] random, next, place, gap;
  reg [32*((WIDTH+31)/32)-1:0] noise;
  reg offered;

  initial begin
    $readmemh(FILE, beats);
    random = SEED;
    next = 0;
    place = 0;
    gap = 0;
    offered = 0;
    tdata = 0;
    tvalid = 0;
    tlast = 0;
    moved = 0;
  end

  always @(posedge clk) begin
    if (tvalid && tready === 1'b1) begin
      offered = 0;
      next = next + 1;
      place = place + 1;
      if (place == BEATS) begin
        place = 0;
        gap = GAP;
      end
    end
    if (go) begin
      random = random ^ (random << 13);
      random = random ^ (random >> 17);
      random = random ^ (random << 5);
      if (!offered && next != TOTAL) begin
        if (gap != 0) gap = gap - 1;
        else if ({1'b0, random} + 33'd1 > STALL) offered = 1;
      end
    end
    moved <= next;
    tvalid <= offered;
    noise = {(WIDTH + 31) / 32{random}};
    tdata <= offered ? beats[next] : noise[WIDTH-1:0];
    tlast <= offered ? place == BEATS - 1 : random[3];
  end
endmodule
"""

SINK = """\
// Takes beats, not ready at random with a chance of STALL / 2**32 per cycle. `broken` tells that
// an offered beat was withdrawn or changed before it was accepted: 1 TVALID, 2 TDATA, 3 TLAST,
// or that TVALID is 4 high during reset, 5 unknown; 6 TDATA or TLAST is unknown.
module PREFIX_sink #(
    parameter WIDTH = 8,
    parameter [32:0] STALL = 0,
    parameter [31:0] SEED = 1
) (
    input wire clk,
    input wire go,
    input wire rst_n,
    input wire [WIDTH-1:0] tdata,
    input wire tvalid,
    input wire tlast,
    output reg tready,
    output reg [2:0] broken
);
  reg [31:0] random;
  reg [WIDTH-1:0] held_data;
  reg held, held_last;

  initial begin
    random = SEED;
    tready = 0;
    held = 0;
  end

  always @* begin
    broken = 0;
    if (go && !rst_n && tvalid !== 1'b0) broken = 4;
    else if (rst_n && tvalid !== 1'b0 && tvalid !== 1'b1) broken = 5;
    else if (rst_n && tvalid && (^{tdata, tlast}) === 1'bx) broken = 6;
    else if (rst_n && held && !tvalid) broken = 1;
    else if (rst_n && held && held_data != tdata) broken = 2;
    else if (rst_n && held && held_last != tlast) broken = 3;
  end

  always @(posedge clk) begin
    held <= rst_n && tvalid && !tready;
    held_data <= tdata;
    held_last <= tlast;
    if (go) begin
      random = random ^ (random << 13);
      random = random ^ (random >> 17);
      random = random ^ (random << 5);
      tready <= {1'b0, random} + 33'd1 > STALL;
    end
  end
endmodule
"""

CHECK = """\
// Compares the beats of a port with those in FILE, payload only, and TLAST with their place.
module PREFIX_check #(
    parameter WIDTH = 8,
    parameter PAYLOAD = 8,
    parameter BEATS = 1,
    parameter FRAMES = 1,
    parameter FILE = "",
    parameter NAME = ""
) (
    input wire clk,
    input wire rst_n,
    input wire [WIDTH-1:0] tdata,
    input wire tvalid,
    input wire tready,
    input wire tlast,
    input wire [2:0] broken,
    output reg [31:0] moved,
    output reg [31:0] errors
);
  localparam [31:0] TOTAL = BEATS * FRAMES;
  reg [WIDTH-1:0] beats [0:BEATS*FRAMES-1];
  reg [WIDTH-1:0] wanted;
  reg [31:0] place;

  initial begin
    $readmemh(FILE, beats);
    moved = 0;
    errors = 0;
    place = 0;
  end

  always @(posedge clk) begin
    if (broken != 0) begin
      errors <= errors + 1;
      if (errors < 10) $display("%0s: handshake rule %0d broken (see PREFIX_sink)", NAME, broken);
    end else if (rst_n && tvalid && tready) begin
      moved <= moved + 1;
      place <= place == BEATS - 1 ? 0 : place + 1;
      wanted = moved < TOTAL ? beats[moved] : 0;
      if (moved >= TOTAL) begin
        errors <= errors + 1;
        if (errors < 10) $display("%0s: superfluous beat %0d", NAME, moved);
      end else if (tdata[PAYLOAD-1:0] !== wanted[PAYLOAD-1:0]) begin
        errors <= errors + 1;
        if (errors < 10)
          $display("%0s: frame %0d beat %0d is %h, expected %h", NAME, moved / BEATS, place,
                   tdata[PAYLOAD-1:0], wanted[PAYLOAD-1:0]);
      end else if (tlast !== (place == BEATS - 1)) begin
        errors <= errors + 1;
        if (errors < 10) $display("%0s: frame %0d beat %0d has wrong TLAST", NAME, moved / BEATS,
                                  place);
      end
    end
  end
endmodule
"""

RECORD = """\
// Writes every beat of a port as one line of hexadecimal numbers: TDATA, TLAST, cycle.
module PREFIX_record #(
    parameter WIDTH = 8,
    parameter FILE = ""
) (
    input wire clk,
    input wire rst_n,
    input wire [31:0] cycle,
    input wire [WIDTH-1:0] tdata,
    input wire tvalid,
    input wire tready,
    input wire tlast,
    output reg [31:0] moved
);
  integer file;

  initial begin
    file = $fopen(FILE, "w");
    moved = 0;
  end

  always @(posedge clk)
    if (rst_n && tvalid && tready === 1'b1) begin
      $fwrite(file, "%h %b %h\\n", tdata, tlast, cycle);
      moved <= moved + 1;
    end
endmodule
"""
