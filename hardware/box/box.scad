// Lamp body, light head and finger wrap. Measures: params.scad, written from the table.
// part = "body" | "tray" | "diffuser" | "wrap" | "all". Each is printed as it lies, no supports:
// body on its back, tray on its flat side, diffuser on its bright face, wrap flat (TPU).
include <params.scad>
part = "all";
$fn = 40;
out = [for (side = inner) side + 2 * wall];
boss = 3.5; // radius of what a screw goes into
head = [diffuser[0] + 2 * frame, diffuser[1] + 2 * frame]; // light head, outside
shift = [(out[0] - head[0]) / 2, (out[2] - head[1]) / 2];
corners = [for (x = [boss + 0.5, out[0] - boss - 0.5], z = [boss + 0.5, out[2] - boss - 0.5]) [x, z]];

// lying on its back: x to the antenna, y to the lamp's top, z to its front
module body() {
  difference() {
    union() {
      difference() {
        cube([out[0], out[2], out[1] - wall]);
        translate([wall, wall, wall]) cube([inner[0], inner[2], out[1]]);
      }
      for (at = carrier_holes) translate([wall + usb_room + at[0], wall + 2 + at[1], wall]) cylinder(r = 2.8, h = feet);
      for (at = corners) translate([at[0], at[1], 0]) cylinder(r = boss, h = out[1] - wall);
      relief();
    }
    for (at = carrier_holes) translate([wall + usb_room + at[0], wall + 2 + at[1], wall]) cylinder(d = screw - 0.4, h = feet + 1);
    for (at = corners) translate([at[0], at[1], out[1] - 14]) cylinder(d = screw - 0.4, h = 14);
    // USB plug: a slot open to the front, so that nothing has to be bridged
    translate([-1, out[2] / 2 - 8, wall + feet + 6]) cube([wall + 2, 16, out[1]]);
    // sensor lead, above its relief
    translate([-1, wall + 9, wall + 4]) rotate([0, 90, 0]) cylinder(d = cable, h = wall + 2);
    // button, in the lamp's top, behind the antenna
    translate([out[0] - wall - button_room / 2, out[2] + 1, wall + inner[1] / 2])
      rotate([90, 0, 0]) cylinder(d = button_hole, h = wall + 2);
    // vents, bottom and top: narrow in the direction that is printed
    for (y = [-1, out[2] - wall - 1], i = [0 : 6])
      translate([14 + i * 8, y, wall + 6]) cube([vent[0], wall + 2, vent[1]]);
  }
}

// a zip tie goes round the lead and through this
module relief() {
  translate([wall + 3, wall + 5, wall]) difference() {
    cube([6, 8, 6]);
    translate([1.5, -1, 2.2]) cube([3, 10, 1.6]);
    translate([-1, 4, 7]) rotate([0, 90, 0]) cylinder(d = cable, h = 8);
  }
}

// front of the body and, standing on it, the frame that holds the aluminium plate
module tray() {
  difference() {
    union() {
      cube([out[0], out[2], wall]);
      translate([shift[0], shift[1], 0]) cube([head[0], head[1], wall + throw - 2]);
    }
    translate([shift[0] + wall, shift[1] + wall, wall])
      cube([head[0] - 2 * wall, head[1] - 2 * wall, throw]);
    for (at = corners) translate([at[0], at[1], -1]) cylinder(d = screw + 0.3, h = wall + 2);
    // the strip's wires
    translate([shift[0] + wall + 3, out[2] / 2, -1]) cylinder(d = 5, h = wall + 2);
    // warm air from behind the plate
    for (i = [0 : 4]) translate([shift[0] + 16 + i * 9, out[2] / 2 - 10, -1]) cube([vent[0], 20, wall + 2]);
  }
}

// slides over the frame; printed on its face in white or natural PETG
module diffuser_cap() {
  inside = [head[0] + 2 * gap, head[1] + 2 * gap];
  difference() {
    cube([inside[0] + 2 * 1.6, inside[1] + 2 * 1.6, throw + diffuser_thick]);
    translate([1.6, 1.6, diffuser_thick]) cube([inside[0], inside[1], throw + 1]);
  }
}

// a strap round the finger: window for the light, rim round the breakout, slots for Velcro
module wrap() {
  middle = [wrap_length / 2, wrap_width / 2];
  difference() {
    union() {
      translate([4, 4, 0]) linear_extrude(wrap_thick) offset(4) square([wrap_length - 8, wrap_width - 8]);
      translate([middle[0] - sensor_board[0] / 2 - 1.5, middle[1] - sensor_board[1] / 2 - 1.5, 0])
        cube([sensor_board[0] + 3, sensor_board[1] + 3, wrap_thick + 3]);
    }
    translate([middle[0] - sensor_board[0] / 2, middle[1] - sensor_board[1] / 2, wrap_thick])
      cube([sensor_board[0], sensor_board[1], 10]);
    translate([middle[0] - wrap_window[0] / 2, middle[1] - wrap_window[1] / 2, -1])
      cube([wrap_window[0], wrap_window[1], 10]);
    // the lead leaves along the finger
    translate([middle[0] - cable, middle[1], wrap_thick + 0.5]) cube([2 * cable, wrap_width, 10]);
    for (x = [5, wrap_length - 8]) translate([x, 5, -1]) cube([3, wrap_width - 10, 10]);
  }
}

module all() {
  color("SlateGray") body();
  color("Silver") translate([0, 0, out[1] + 14]) tray();
  color("White", 0.7) translate([shift[0] - 1.6 - gap, out[2] - shift[1] + 1.6 + gap, out[1] + 52]) rotate([180, 0, 0]) diffuser_cap();
  color("DimGray") translate([0, -wrap_width - 16, 0]) wrap();
}

if (part == "body") body();
if (part == "tray") tray();
if (part == "diffuser") diffuser_cap();
if (part == "wrap") wrap();
if (part == "all") all();
