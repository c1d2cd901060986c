// A block memory of 2048 bytes of 8 or 9 bits, with two ports, as far as Yosys uses such: nothing
// behind what is read, no cascades, no error correction. A port sees one, two or four bytes, or 1, 2
// or 4 bits of the lower 8 of one. Ports of several bytes have a byte's enable in each of the lowest
// bits of the address.
// What the makers leave undefined, bits that one port writes while the other reads them, come out
// inverted, so that it is noticed; where STEADY says so, they are the old ones.
module qcompiler_bytes #(
    parameter BYTE = 9,
    parameter [2048*BYTE-1:0] CONTENTS = 0,
    parameter STEADY = 0,
    parameter [31:0] WIDTH_0 = 36, WIDTH_1 = 36,  // bits of a word
    parameter [1:0] MODE_0 = 0, MODE_1 = 0  // of a port that writes: 0 keeps what it read, 1 shows
                                            // what it writes, 2 what was there before
) (
    input clk_0, enable_0, write_0, reset_0,
    input [13:0] at_0,
    input [35:0] data_0,
    output reg [35:0] read_0,
    input clk_1, enable_1, write_1, reset_1,
    input [13:0] at_1,
    input [35:0] data_1,
    output reg [35:0] read_1
);
    reg [BYTE-1:0] memory [0:2047];
    integer i;
    initial for (i = 0; i < 2048; i = i + 1) memory[i] = CONTENTS[BYTE*i +: BYTE];
    initial read_0 = 36'd0;
    initial read_1 = 36'd0;

    // Bytes of a word.
    function integer bytes(input [31:0] width);
        bytes = width < 8 ? 1 : width / BYTE;
    endfunction

    // Number of a byte of a word.
    function [10:0] place(input [31:0] width, input [13:0] at, input integer k);
        place = (at[13:3] & ~(bytes(width) - 11'd1)) + k;
    endfunction

    // A byte as it is after a word is written.
    function [BYTE-1:0] changed(
        input [31:0] width, input [13:0] at, input [35:0] data, input integer k,
        input [BYTE-1:0] old
    );
        reg [BYTE-1:0] mask;
        begin
            mask = ((36'd1 << width) - 36'd1) << at[2:0];
            changed = width >= 8 ? (bytes(width) == 1 || at[k] ? data[BYTE*k +: BYTE] : old)
                                 : (old & ~mask) | ((data << at[2:0]) & mask);
        end
    endfunction

    // What a port of a word shows of a byte.
    function [35:0] shown(
        input [31:0] width, input [13:0] at, input integer k, input [BYTE-1:0] byte_
    );
        shown = width >= 8 ? {36'd0, byte_} << BYTE * k
                           : ({36'd0, byte_} >> at[2:0]) & ((36'd1 << width) - 36'd1);
    endfunction

    wire writes_0 = enable_0 && write_0;
    wire writes_1 = enable_1 && write_1;

    // Bits of a byte that a port writes.
    function [BYTE-1:0] touched(
        input writes, input [31:0] width, input [13:0] at, input [10:0] byte_
    );
        if (!writes || (byte_ & ~(bytes(width) - 11'd1)) != place(width, at, 0)) touched = 0;
        else if (width < 8) touched = ((36'd1 << width) - 36'd1) << at[2:0];
        else touched = {BYTE{bytes(width) == 1 || at[byte_ & (bytes(width) - 11'd1)]}};
    endfunction

    reg [35:0] word_0, word_1;
    reg [10:0] n;
    reg [BYTE-1:0] old;
    integer k;
    always @* begin
        word_0 = 36'd0;
        word_1 = 36'd0;
        for (k = 0; k < 4; k = k + 1) begin
            if (k < bytes(WIDTH_0)) begin
                n = place(WIDTH_0, at_0, k);
                old = memory[n];
                if (!STEADY) old = old ^ touched(writes_1, WIDTH_1, at_1, n);
                if (MODE_0 == 1 && writes_0) old = changed(WIDTH_0, at_0, data_0, k, old);
                word_0 = word_0 | shown(WIDTH_0, at_0, k, old);
            end
            if (k < bytes(WIDTH_1)) begin
                n = place(WIDTH_1, at_1, k);
                old = memory[n];
                if (!STEADY) old = old ^ touched(writes_0, WIDTH_0, at_0, n);
                if (MODE_1 == 1 && writes_1) old = changed(WIDTH_1, at_1, data_1, k, old);
                word_1 = word_1 | shown(WIDTH_1, at_1, k, old);
            end
        end
    end

    integer j;
    always @(posedge clk_0) begin
        for (j = 0; j < 4; j = j + 1)
            if (writes_0 && j < bytes(WIDTH_0))
                memory[place(WIDTH_0, at_0, j)] <=
                    changed(WIDTH_0, at_0, data_0, j, memory[place(WIDTH_0, at_0, j)]);
        if (reset_0) read_0 <= 36'd0;
        else if (enable_0 && !(write_0 && MODE_0 == 0)) read_0 <= word_0;
    end
    integer l;
    always @(posedge clk_1) begin
        for (l = 0; l < 4; l = l + 1)
            if (writes_1 && l < bytes(WIDTH_1))
                memory[place(WIDTH_1, at_1, l)] <=
                    changed(WIDTH_1, at_1, data_1, l, memory[place(WIDTH_1, at_1, l)]);
        if (reset_1) read_1 <= 36'd0;
        else if (enable_1 && !(write_1 && MODE_1 == 0)) read_1 <= word_1;
    end
endmodule
