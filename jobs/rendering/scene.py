"""The scene: a star in a glass sphere, held by rings over the processor of a graphics board.

Everything is made here from numbers; no file is loaded. Lengths are in centimetres of the imagined board.
`Scene.pose(phase)` sets the moving parts: phase 0 and phase 1 look the same, so the frames make an endless loop.
"""
import math
import random

import bmesh
import bpy
from mathutils import Matrix, Vector

STAR = Vector((0.0, 0.35, 1.95))
SPHERE_RADIUS = 0.92
SEED = 20


# Materials


def principled(name, colour, **settings):
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    shader = material.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (*colour, 1)
    for key, value in settings.items():
        shader.inputs[key.replace("_", " ").title()].default_value = value
    return material


def emission(name, colour, strength):
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    nodes.clear()
    shader = nodes.new("ShaderNodeEmission")
    shader.inputs["Color"].default_value = (*colour, 1)
    shader.inputs["Strength"].default_value = strength
    links.new(shader.outputs[0], nodes.new("ShaderNodeOutputMaterial").inputs["Surface"])
    material.cycles.sample_as_light = False  # the lamps of `Scene.lights` carry the light; this only glows
    return material


def star_material():
    """White hot in the middle, amber at the tips, and a little darker where a face turns away."""
    material = emission("star", (1, 1, 1), 1.0)
    nodes, links = material.node_tree.nodes, material.node_tree.links
    place, distance, ramp, facing, mix = (
        nodes.new("ShaderNodeTexCoord"),
        nodes.new("ShaderNodeVectorMath"),
        nodes.new("ShaderNodeValToRGB"),
        nodes.new("ShaderNodeLayerWeight"),
        nodes.new("ShaderNodeMath"),
    )
    distance.operation, mix.operation = "LENGTH", "MULTIPLY_ADD"
    mix.inputs[1].default_value, mix.inputs[2].default_value = -6.5, 6.4
    ramp.color_ramp.elements[0].position, ramp.color_ramp.elements[0].color = 0.16, (1.0, 0.62, 0.26, 1)
    ramp.color_ramp.elements[1].position, ramp.color_ramp.elements[1].color = 0.62, (0.85, 0.14, 0.012, 1)
    ramp.color_ramp.elements.new(0.36).color = (1.0, 0.36, 0.06, 1)
    links.new(place.outputs["Object"], distance.inputs[0])
    links.new(distance.outputs["Value"], ramp.inputs["Fac"])
    links.new(facing.outputs["Facing"], mix.inputs[0])
    shader = next(node for node in nodes if node.type == "EMISSION")
    links.new(ramp.outputs["Color"], shader.inputs["Color"])
    links.new(mix.outputs["Value"], shader.inputs["Strength"])
    return material


def glass(name, colour, ior=1.45):
    """Glass that lets light through without caustics, which would be mere noise at our number of samples."""
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    nodes.clear()
    real, passing = nodes.new("ShaderNodeBsdfGlass"), nodes.new("ShaderNodeBsdfTransparent")
    real.inputs["Color"].default_value = passing.inputs["Color"].default_value = (*colour, 1)
    real.inputs["IOR"].default_value = ior
    real.inputs["Roughness"].default_value = 0.0
    path, mix = nodes.new("ShaderNodeLightPath"), nodes.new("ShaderNodeMixShader")
    links.new(path.outputs["Is Shadow Ray"], mix.inputs[0])
    links.new(real.outputs[0], mix.inputs[1])
    links.new(passing.outputs[0], mix.inputs[2])
    links.new(mix.outputs[0], nodes.new("ShaderNodeOutputMaterial").inputs["Surface"])
    return material


class Palette:
    def __init__(self):
        self.mask = principled("solder mask", (0.006, 0.022, 0.030), roughness=0.42, specular=0.35)
        self.trace = principled("trace", (0.03, 0.16, 0.17), roughness=0.32, metallic=0.7)
        self.substrate = principled("substrate", (0.006, 0.022, 0.024), roughness=0.28)
        self.black = principled("moulding", (0.008, 0.008, 0.010), roughness=0.42)
        self.ferrite = principled("ferrite", (0.022, 0.023, 0.026), roughness=0.35, metallic=0.3)
        self.gold = principled("gold", (1.0, 0.66, 0.24), roughness=0.20, metallic=1.0)
        self.print = principled("print", (0.35, 0.37, 0.40), roughness=0.6)
        self.tin = principled("tin", (0.72, 0.73, 0.75), roughness=0.28, metallic=1.0)
        self.steel = principled("steel", (0.70, 0.74, 0.80), roughness=0.22, metallic=1.0)
        self.ceramic = principled("ceramic", (0.25, 0.155, 0.085), roughness=0.45)
        tints = [(0.05, 0.10, 0.20), (0.09, 0.17, 0.28), (0.07, 0.20, 0.24), (0.15, 0.13, 0.29), (0.04, 0.06, 0.12)]
        self.silicon = [principled("silicon", tint, metallic=1.0, roughness=0.06) for tint in tints]
        self.clear = glass("clear glass", (0.97, 0.99, 1.0), ior=1.30)
        self.teal = glass("teal glass", (0.35, 0.92, 0.90))
        self.amber = glass("amber glass", (1.0, 0.62, 0.22))
        self.star = star_material()
        self.mote = emission("mote", (1.0, 0.62, 0.25), 22.0)
        self.warm_bokeh = emission("warm lamp", (1.0, 0.42, 0.12), 7.0)
        self.cool_bokeh = emission("cool lamp", (0.10, 0.45, 1.0), 6.0)


# Shapes


def add(mesh_name, build, material, smooth=False):
    shape = bmesh.new()
    build(shape)
    mesh = bpy.data.meshes.new(mesh_name)
    shape.to_mesh(mesh)
    shape.free()
    mesh.materials.append(material)
    for polygon in mesh.polygons:
        polygon.use_smooth = smooth
    thing = bpy.data.objects.new(mesh_name, mesh)
    bpy.context.scene.collection.objects.link(thing)
    return thing


def add_again(thing, position, turn=0.0):
    """The same mesh at another place; it costs no memory."""
    copy = bpy.data.objects.new(thing.name, thing.data)
    copy.location, copy.rotation_euler = position, (0, 0, turn)
    for modifier in thing.modifiers:
        mirror = copy.modifiers.new(modifier.name, modifier.type)
        mirror.width, mirror.segments = modifier.width, modifier.segments
    bpy.context.scene.collection.objects.link(copy)
    return copy


def box(name, size, position, material, bevel=0.0, turn=0.0):
    """A box that stands on `position`."""
    placed = Matrix.Translation((0, 0, size[2] / 2)) @ Matrix.Diagonal((*size, 1))
    thing = add(name, lambda shape: bmesh.ops.create_cube(shape, size=1, matrix=placed), material)
    thing.location, thing.rotation_euler = position, (0, 0, turn)
    if bevel:
        modifier = thing.modifiers.new("bevel", "BEVEL")
        modifier.width, modifier.segments = bevel, 2
    return thing


def ball(name, radius, position, material, subdivisions=4):
    thing = add(
        name, lambda shape: bmesh.ops.create_icosphere(shape, subdivisions=subdivisions, radius=radius), material, True
    )
    thing.location = position
    return thing


def lathe(name, profile, material, segments=48):
    """Turns (radius, height) points around the vertical axis."""

    def build(shape):
        rows = []
        for step in range(segments):
            angle = 2 * math.pi * step / segments
            rows.append([shape.verts.new((r * math.cos(angle), r * math.sin(angle), z)) for r, z in profile])
        for step in range(segments):
            near, far = rows[step], rows[(step + 1) % segments]
            for i in range(len(profile) - 1):
                shape.faces.new((near[i], far[i], far[i + 1], near[i + 1]))

    return add(name, build, material)


def band(name, radius, width, thickness, material, edge=0.012):
    """A flat ring like those of an armillary sphere, with bevelled edges."""
    r0, r1, h = radius - thickness / 2, radius + thickness / 2, width / 2
    profile = [
        (r0, -h + edge), (r0 + edge, -h), (r1 - edge, -h), (r1, -h + edge),
        (r1, h - edge), (r1 - edge, h), (r0 + edge, h), (r0, h - edge), (r0, -h + edge),
    ]  # fmt: skip
    ring = lathe(name, profile, material, 160)
    ring.data.use_auto_smooth = True
    ring.data.auto_smooth_angle = math.radians(30)
    for polygon in ring.data.polygons:
        polygon.use_smooth = True
    return ring


def star_mesh(shape):
    """A stellated icosahedron: a pyramid on each of twenty faces."""
    bmesh.ops.create_icosphere(shape, subdivisions=1, radius=0.27)
    for face in list(shape.faces):
        tip = shape.verts.new(face.calc_center_median().normalized() * 0.62)
        corners = list(face.verts)
        for i in range(3):
            shape.faces.new((corners[i], corners[(i + 1) % 3], tip))
        shape.faces.remove(face)


def lettering(text, size, position, material, turn=0.0):
    curve = bpy.data.curves.new("lettering", "FONT")
    curve.body, curve.size, curve.align_x, curve.align_y = text, size, "CENTER", "CENTER"
    curve.space_character = 1.15
    curve.materials.append(material)
    thing = bpy.data.objects.new("lettering", curve)
    thing.location, thing.rotation_euler = position, (0, 0, turn)
    bpy.context.scene.collection.objects.link(thing)


def strip(shape, points, width, height):
    """A flat conductor along points in the plane, mitred at its bends."""
    left, right = [], []
    for i, point in enumerate(points):
        before = (point - points[i - 1]).normalized() if i else None
        after = (points[i + 1] - point).normalized() if i + 1 < len(points) else None
        along = ((before or after) + (after or before)).normalized()
        side = Vector((-along.y, along.x))
        reach = width / 2 / max(0.4, side.dot(Vector((-(before or after).y, (before or after).x))))
        left.append(shape.verts.new((*(point + side * reach), height)))
        right.append(shape.verts.new((*(point - side * reach), height)))
    for i in range(len(points) - 1):
        shape.faces.new((left[i], right[i], right[i + 1], left[i + 1]))


# The board


def bus(palette, start, steps, count, pitch, vias=True):
    """`count` parallel traces: `steps` are corners after `start`, the whole bundle bends at 45 degrees."""
    centre = [Vector(start)]
    for step in (step for step in steps if any(step)):
        centre.append(centre[-1] + Vector(step))
    ends = []

    def build(shape):
        for lane in range(count):
            offset = (lane - (count - 1) / 2) * pitch
            points = []
            for i, point in enumerate(centre):
                before = (point - centre[i - 1]).normalized() if i else None
                after = (centre[i + 1] - point).normalized() if i + 1 < len(centre) else None
                along = ((before or after) + (after or before)).normalized()
                side = Vector((-along.y, along.x))
                normal = Vector((-(before or after).y, (before or after).x))
                points.append(point + side * (offset / max(0.4, side.dot(normal))))
            strip(shape, points, pitch * 0.42, 0.004)
            ends.append(points[-1])

    add("bus", build, palette.trace)
    if vias:
        for end in ends:
            via(palette, end)


def via(palette, position):
    ring = [(0.030, 0.0), (0.030, 0.008), (0.062, 0.008), (0.066, 0.0)]
    thing = bpy.data.objects.get("via")
    if thing is None:
        thing = lathe("via", ring, palette.gold, 20)
    else:
        thing = add_again(thing, (0, 0, 0))
    thing.location = (position.x, position.y, 0.002)


def chip_resistor(palette, position, turn, body, size=(0.20, 0.10, 0.075)):
    length, width, height = size
    box("capacitor", (length * 0.56, width, height), (*position, 0), body, 0.006, turn)
    cap = Vector((math.cos(turn), math.sin(turn))) * length * 0.36
    for way in (-1, 1):
        end = Vector(position) + cap * way
        box("terminal", (length * 0.26, width * 1.02, height * 1.03), (*end, 0), palette.tin, 0.010, turn)


def memory(palette, position, turn):
    box("memory", (1.42, 1.16, 0.15), (*position, 0.03), palette.black, 0.022, turn)
    along, across = Vector((math.cos(turn), math.sin(turn))), Vector((-math.sin(turn), math.cos(turn)))
    lettering("SM-G16\n2410", 0.2, (*position, 0.182), palette.print, turn)
    mark = Vector(position) - along * 0.56 + across * 0.42
    dot = lathe("pin one", [(0.0, 0.0), (0.05, 0.0)], palette.ferrite, 20)
    dot.location = (*mark, 0.1808)


def coil(palette, position):
    box("coil foot", (0.86, 0.86, 0.06), (*position, 0), palette.tin, 0.01)
    box("coil", (0.92, 0.92, 0.52), (*position, 0.04), palette.ferrite, 0.07)


def can(palette, position):
    top = [(0.0, 0.80), (0.30, 0.80), (0.34, 0.785), (0.36, 0.75)]
    profile = [*top, (0.36, 0.16), (0.335, 0.12), (0.36, 0.08), (0.36, 0.0)]
    thing = lathe("polymer capacitor", profile, palette.tin, 40)
    thing.location = (*position, 0.04)
    thing.data.use_auto_smooth = True
    for polygon in thing.data.polygons:
        polygon.use_smooth = True
    box("foot", (0.76, 0.76, 0.05), (*position, 0), palette.black, 0.05)


def processor(palette):
    box("substrate", (6.4, 6.0, 0.10), (0, 0, 0.03), palette.substrate, 0.02)
    for way in (-1, 1):  # a metal frame keeps the package flat
        box("frame", (6.2, 0.28, 0.09), (0, way * 2.76, 0.13), palette.steel, 0.02)
        box("frame", (0.28, 5.24, 0.09), (way * 2.96, 0, 0.13), palette.steel, 0.02)
    lettering("STARMINER", 0.25, (-2.96, 0, 0.2215), palette.black, math.pi / 2)
    lettering("STARMINER", 0.25, (2.96, 0, 0.2215), palette.black, math.pi / 2)
    box("fillet", (4.30, 3.70, 0.05), (0, 0, 0.13), palette.black, 0.024)
    box("die", (4.20, 3.60, 0.11), (0, 0, 0.13), palette.silicon[4], 0.006)
    floor_plan(palette, (0.0, -1.78, 2.08, 1.78))
    for way in (-1, 1):
        for i in range(21):
            package_capacitor(palette, (-2.0 + 0.2 * i, way * 2.2), 0.0)
        for i in range(15):
            package_capacitor(palette, (way * 2.48, -1.54 + 0.22 * i), math.pi / 2)


def floor_plan(palette, half):
    """The blocks of the circuit: one half of the die cut in two again and again, and its mirror image."""
    chance = random.Random(SEED)

    def cut(left, low, right, high, depth):
        wide, tall = right - left, high - low
        if depth == 0 or (depth < 4 and chance.random() < 0.12):
            return [(left, low, right, high)]
        share = chance.choice((0.5, 0.5, 0.36, 0.64))
        if wide > tall * chance.uniform(0.8, 1.3):
            middle = left + wide * share
            return cut(left, low, middle, high, depth - 1) + cut(middle, low, right, high, depth - 1)
        middle = low + tall * share
        return cut(left, low, right, middle, depth - 1) + cut(left, middle, right, high, depth - 1)

    for left, low, right, high in cut(*half, 6):
        tint = chance.choice(palette.silicon[:4])
        size = (right - left - 0.022, high - low - 0.022, 0.0015)
        for way in (-1, 1):
            box("circuit", size, (way * (left + right) / 2, (low + high) / 2, 0.24), tint)


def package_capacitor(palette, position, turn):
    box("package capacitor", (0.09, 0.12, 0.07), (*position, 0.13), palette.ceramic, 0.0, turn)
    along = Vector((-math.sin(turn), math.cos(turn))) * 0.075
    for way in (-1, 1):
        place = (*(Vector(position) + along * way), 0.13)
        box("package terminal", (0.094, 0.05, 0.074), place, palette.tin, 0.006, turn)


def board(palette, chance):
    box("board", (60, 60, 0.2), (0, 0, -0.2), palette.mask)
    processor(palette)
    for row in (-1.75, 0.0, 1.75):  # memory on three sides, as close as the traces allow
        for way in (-1, 1):
            memory(palette, (way * 5.5, row), math.pi / 2)
            bend = (way * abs(row) * 0.14, row * 0.14)
            bus(palette, (way * 3.1, row * 0.86), [(way * 0.5, 0), bend, (way * 1.6, 0)], 10, 0.105, False)
    for column in (-1.9, 0.0, 1.9):
        memory(palette, (column, 5.3), 0)
        bend = (column * 0.16, abs(column) * 0.16)
        bus(palette, (column * 0.84, 2.9), [(0, 0.5), bend, (0, 1.5)], 10, 0.105, False)
    bus(palette, (-1.1, -2.95), [(0, -0.7), (-0.9, -0.9), (0, -1.2), (-1.2, -1.2), (-3.0, 0)], 12, 0.115)
    bus(palette, (0.65, -2.95), [(0, -1.5), (0.8, -0.8), (0, -2.6)], 10, 0.115)
    bus(palette, (1.75, -2.95), [(0, -0.5), (0.9, -0.9), (3.0, 0), (1.0, -1.0), (2.0, 0)], 8, 0.115)
    for i in range(7):
        coil(palette, (-8.0 + 0.05 * (i % 2), -3.4 + 1.28 * i))
        can(palette, (-9.3, -3.1 + 1.28 * i))
        coil(palette, (-4.6 + 1.3 * i, 7.9))
        can(palette, (-4.4 + 1.3 * i, 9.3))
        coil(palette, (8.0, -2.6 + 1.30 * i))
    parts = [(-4.05, -3.05), (-3.75, -3.45), (2.95, -3.75), (3.35, -3.75), (3.75, -3.75)]
    parts += [(-0.35, -3.0), (-0.35, -3.35), (2.9, -4.5)]
    parts += [(-3.9 + 0.34 * i, -4.55) for i in range(4)] + [(4.5 + 0.34 * i, -4.5) for i in range(5)]
    parts += [(chance.uniform(-6, 6), chance.uniform(6.3, 7.0)) for _ in range(10)]
    for i, place in enumerate(parts):
        chip_resistor(palette, place, math.pi / 2 if i % 3 else 0.0, palette.ceramic if i % 2 else palette.black)


# The star and what turns around it


class Ring:
    """A band with equal beads; it turns by one bead per loop, so the end of the loop meets its start."""

    def __init__(self, radius, tilt, heading, beads, way, material, bead_material, bead_radius):
        self.holder = bpy.data.objects.new("ring holder", None)
        self.holder.location = STAR
        self.tilt, self.beads, self.way = (tilt, 0.0, heading), beads, way
        bpy.context.scene.collection.objects.link(self.holder)
        band("ring", radius, 0.12, 0.05, material).parent = self.holder
        ticks = beads * 12
        for i in range(ticks):
            angle = 2 * math.pi * i / ticks
            tall = 0.15 if i % 4 == 0 else 0.13
            tick = box("tick", (0.06, 0.014, tall), (0, 0, 0), material)
            tick.parent = self.holder
            tick.location = (radius * math.cos(angle), radius * math.sin(angle), -tall / 2)
            tick.rotation_euler = (0, 0, angle)
        for i in range(beads):
            angle = 2 * math.pi * i / beads
            at = (radius * math.cos(angle), radius * math.sin(angle), 0)
            ball("bead", bead_radius, at, bead_material).parent = self.holder

    def pose(self, phase):
        turned = Matrix.Rotation(self.way * 2 * math.pi * phase / self.beads, 4, "Z")
        tilted = Matrix.Rotation(self.tilt[2], 4, "Z") @ Matrix.Rotation(self.tilt[0], 4, "X")
        self.holder.matrix_world = Matrix.Translation(STAR) @ tilted @ turned


class Motes:
    """Sparks that rise from the processor into the star; each climbs one place per loop."""

    COUNT = 42

    def __init__(self, palette, chance):
        around = 2 * math.pi
        self.places = [
            (chance.uniform(0, around), chance.uniform(0.25, 1.0), chance.random()) for _ in range(self.COUNT)
        ]
        self.things = [ball("mote", 0.013, (0, 0, 0), palette.mote, 2) for _ in self.places]
        for thing in self.things:
            thing.visible_diffuse = False

    def pose(self, phase):
        for thing, (angle, spread, start) in zip(self.things, self.places):
            height = (start + phase) % 1.0
            radius = spread * (0.18 + 1.0 * (1 - height) ** 1.6)
            turn = angle + 1.8 * height
            thing.location = (radius * math.cos(turn), radius * 0.8 * math.sin(turn), 0.28 + height * (STAR.z - 0.55))
            thing.scale = [0.35 + 1.1 * math.sin(math.pi * height)] * 3


class Scene:
    def __init__(self):
        chance = random.Random(SEED)
        palette = Palette()
        board(palette, chance)
        self.star = add("star", star_mesh, palette.star)
        self.star.location = STAR
        self.star.visible_diffuse = False
        ball("sphere", SPHERE_RADIUS, STAR, palette.clear, 5)
        self.rings = [
            Ring(1.22, math.radians(72), math.radians(20), 3, 1, palette.gold, palette.teal, 0.125),
            Ring(1.49, math.radians(46), math.radians(-45), 4, -1, palette.steel, palette.gold, 0.10),
            Ring(1.76, math.radians(14), math.radians(35), 5, 1, palette.gold, palette.amber, 0.14),
        ]
        self.motes = Motes(palette, chance)
        self.lamps(palette, chance)
        self.lights()
        self.camera()

    def pose(self, phase):
        turn = Matrix.Rotation(2 * math.pi / 5 * phase, 4, "Z")
        upright = Matrix.Rotation(math.radians(12), 4, "X")
        self.star.matrix_world = Matrix.Translation(STAR) @ upright @ turn
        for ring in self.rings:
            ring.pose(phase)
        self.motes.pose(phase)

    def lamps(self, palette, chance):
        """Lamps on the far part of the board, out of focus; the lens turns them into discs."""
        for i in range(26):
            place = (chance.uniform(-10, 9), chance.uniform(5.2, 11), chance.uniform(0.1, 0.9))
            thing = ball("lamp", 0.075, place, palette.warm_bokeh if i % 3 else palette.cool_bokeh, 2)
            thing.visible_diffuse = False

    def lights(self):
        self.area("key", (-7.0, -1.0, 8.0), Vector((0, 0, 0.5)), 5.0, 1500, (1.0, 0.86, 0.70))
        self.area("rim", (6.0, 9.0, 6.5), Vector((0, 0, 0)), 6.0, 1900, (0.40, 0.66, 1.0))
        self.area("strip", (7.5, -5.0, 4.0), STAR, 2.5, 420, (0.50, 0.78, 1.0))
        heart = bpy.data.lights.new("heart", "POINT")
        heart.energy, heart.color, heart.shadow_soft_size = 330, (1.0, 0.52, 0.17), 0.22
        thing = bpy.data.objects.new("heart", heart)
        thing.location = STAR
        thing.visible_camera = thing.visible_glossy = thing.visible_transmission = False
        bpy.context.scene.collection.objects.link(thing)
        world = bpy.data.worlds.new("night")
        world.use_nodes = True
        nodes, links = world.node_tree.nodes, world.node_tree.links
        place, split, ramp = (
            nodes.new("ShaderNodeTexCoord"),
            nodes.new("ShaderNodeSeparateXYZ"),
            nodes.new("ShaderNodeValToRGB"),
        )
        night = ramp.color_ramp  # from the horizon to the zenith
        night.elements[0].position, night.elements[0].color = 0.0, (0.030, 0.060, 0.110, 1)
        night.elements[1].position, night.elements[1].color = 0.9, (0.003, 0.006, 0.014, 1)
        night.elements.new(0.25).color = (0.10, 0.15, 0.22, 1)
        links.new(place.outputs["Generated"], split.inputs[0])
        links.new(split.outputs["Z"], ramp.inputs["Fac"])
        links.new(ramp.outputs["Color"], nodes["Background"].inputs["Color"])
        bpy.context.scene.world = world

    def area(self, name, position, target, size, power, colour):
        light = bpy.data.lights.new(name, "AREA")
        light.energy, light.color, light.size = power, colour, size
        thing = bpy.data.objects.new(name, light)
        thing.location = position
        thing.rotation_euler = (target - Vector(position)).to_track_quat("-Z", "Y").to_euler()
        bpy.context.scene.collection.objects.link(thing)

    def camera(self):
        lens = bpy.data.cameras.new("camera")
        lens.lens, lens.sensor_width = 52, 36
        thing = bpy.data.objects.new("camera", lens)
        thing.location = (4.3, -9.6, 7.6)
        aim = Vector((0.02, 0.1, 1.26))
        thing.rotation_euler = (aim - thing.location).to_track_quat("-Z", "Y").to_euler()
        lens.dof.use_dof = True
        lens.dof.focus_distance = (STAR - thing.location).length - 0.55
        lens.dof.aperture_fstop = 0.5
        lens.dof.aperture_blades = 7
        bpy.context.scene.collection.objects.link(thing)
        bpy.context.scene.camera = thing
