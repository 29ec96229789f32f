"""Programs whose shapes do not work, as people write them: the source, and the shape of the input that it is given."""

from __future__ import annotations

from textwrap import indent

__all__ = ["KERAS", "TORCH"]


def module(init: str, forward: str, *, before: str = "", parameters: str = "") -> str:
    """Return the source of a module of PyTorch."""
    return (
        f"import torch\nimport torch.nn.functional as F\nfrom torch import nn\n\n{before}\n\n"
        f"class Net(nn.Module):\n    def __init__(self{parameters}):\n        super().__init__()\n"
        f"{indent(init.strip(), ' ' * 8)}\n\n    def forward(self, x):\n{indent(forward.strip(), ' ' * 8)}\n"
    )


def model(body: str, *, before: str = "", parameters: str = "") -> str:
    """Return the source of a function that builds a model of Keras."""
    return (
        f"import keras\nfrom keras import layers\n\n{before}\n\n"
        f"def build({parameters}):\n{indent(body.strip(), ' ' * 4)}\n"
    )


_LENET = "x = F.max_pool2d(F.relu(self.conv1(x)), 2)\nx = F.max_pool2d(F.relu(self.conv2(x)), 2)\n"
_BLOCK = """def conv_block(cin, cout, kernel=3):
    return nn.Sequential(nn.Conv2d(cin, cout, kernel, padding=1), nn.BatchNorm2d(cout), nn.ReLU())
"""

TORCH: dict[str, tuple[str, tuple[int, ...]]] = {
    "lenet": (module(
        "self.conv1 = nn.Conv2d(3, 6, 5)\nself.conv2 = nn.Conv2d(6, 16, 5)\nself.fc = nn.Linear(256, 10)",
        f"{_LENET}return self.fc(torch.flatten(x, 1))"), (3, 32, 32)),
    "keyword": (module(
        "self.conv1 = nn.Conv2d(3, 6, 5)\nself.conv2 = nn.Conv2d(in_channels=3, out_channels=16, kernel_size=5)",
        f"{_LENET}return x"), (3, 32, 32)),
    "name_of_a_number": (module(
        "hidden = 128\nself.conv = nn.Conv2d(1, 8, 3)\nself.fc1 = nn.Linear(8 * 26 * 26, 100)\n"
        "self.fc2 = nn.Linear(hidden, 10)",
        "x = self.conv(x).flatten(1)\nreturn self.fc2(F.relu(self.fc1(x)))"), (1, 28, 28)),
    "product": (module(
        "self.conv = nn.Conv2d(1, 8, 3)\nself.fc = nn.Linear(8 * 14 * 14, 10)",
        "x = F.max_pool2d(self.conv(x), 2)\nreturn self.fc(x.view(x.size(0), -1))"), (1, 28, 28)),
    "global_number": (module(
        "self.conv = nn.Conv2d(3, 16, 3)\nself.fc = nn.Linear(FLAT, 10)",
        "return self.fc(self.conv(x).flatten(1))", before="FLAT = 16 * 8 * 8"), (3, 12, 12)),
    "default_argument": (module(
        "self.conv = nn.Conv2d(3, 16, 3)\nself.fc = nn.Linear(features, 10)",
        "return self.fc(self.conv(x).flatten(1))", parameters=", features=400"), (3, 12, 12)),
    "sequential": (
        "from torch import nn\n\n\ndef net():\n    return nn.Sequential(\n        nn.Conv2d(3, 8, 3),\n"
        "        nn.MaxPool2d(2),\n        nn.Flatten(),\n        nn.Linear(512, 64),\n        nn.ReLU(),\n"
        "        nn.Linear(32, 10),\n    )\n", (3, 18, 18)),
    "sequential_without_flatten": (
        "from torch import nn\n\n\ndef net():\n    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(),\n"
        "                         nn.Linear(8 * 16 * 16, 10))\n", (3, 18, 18)),
    "forward_without_flatten": (module(
        "self.conv = nn.Conv2d(3, 8, 3)\nself.fc = nn.Linear(8 * 10 * 10, 10)",
        "x = F.relu(self.conv(x))\nreturn self.fc(x)"), (3, 12, 12)),
    "helper": (module(
        "self.a = conv_block(3, 16)\nself.b = conv_block(16, 32)\nself.c = conv_block(16, 64)",
        "return self.c(self.b(self.a(x)))", before=_BLOCK), (3, 16, 16)),
    "helper_by_keyword": (module(
        "self.a = conv_block(cin=1, cout=16)\nself.b = conv_block(16, cout=32, kernel=3)",
        "return self.b(self.a(x))", before=_BLOCK), (3, 16, 16)),
    "pairs_in_a_loop": (module(
        "parts = []\nfor cin, cout in [(3, 16), (16, 32), (48, 64)]:\n    parts += [nn.Conv2d(cin, cout, 3), nn.ReLU()]\n"
        "self.body = nn.Sequential(*parts)", "return self.body(x)"), (3, 16, 16)),
    "table": (module(
        "self.conv = nn.Conv2d(3, CFG['width'], 3)\nself.fc = nn.Linear(CFG['features'], CFG['classes'])",
        "return self.fc(self.conv(x).flatten(1))",
        before="CFG = {'width': 8, 'features': 8 * 11 * 11, 'classes': 10}"), (3, 12, 12)),
    "list_by_index": (module(
        "self.convs = nn.ModuleList(nn.Conv2d(WIDTHS[i], WIDTHS[i + 1], 3, padding=1) for i in range(3))\n"
        "self.fc = nn.Linear(WIDTHS[-1] * 4, 10)",
        "for conv in self.convs:\n    x = F.max_pool2d(F.relu(conv(x)), 2)\nreturn self.fc(x.flatten(1))",
        before="WIDTHS = [3, 8, 16, 32]"), (3, 48, 48)),
    "names_of_layers": (module(
        "for i, (cin, cout) in enumerate(((3, 8), (8, 16), (8, 32))):\n"
        "    self.add_module(f'conv{i}', nn.Conv2d(cin, cout, 3))",
        "for i in range(3):\n    x = getattr(self, f'conv{i}')(x)\nreturn x"), (3, 16, 16)),
    "attribute": (module(
        "self.width = 24\nself.conv = nn.Conv2d(3, 16, 3)\nself.out = nn.Conv2d(self.width, 4, 1)",
        "return self.out(self.conv(x))"), (3, 16, 16)),
    "settings_of_a_dataclass": (module(
        "config = Config()\nself.conv = nn.Conv2d(3, 16, 3)\nself.fc = nn.Linear(config.features, 10)",
        "return self.fc(self.conv(x).flatten(1))",
        before="from dataclasses import dataclass\n\n\n@dataclass\nclass Config:\n    features: int = 512\n"),
        (3, 12, 12)),
    "batch_norm": (module(
        "self.conv = nn.Conv2d(3, 16, 3)\nself.norm = nn.BatchNorm2d(32)", "return self.norm(self.conv(x))"),
        (3, 16, 16)),
    "skip_of_a_unet": (module(
        "self.down = nn.Conv2d(3, 8, 3, padding=1)\nself.mid = nn.Conv2d(8, 8, 3, padding=1)\n"
        "self.up = nn.ConvTranspose2d(8, 8, 2, stride=2)\nself.out = nn.Conv2d(16, 1, 1)",
        "skip = F.relu(self.down(x))\ny = self.mid(F.max_pool2d(skip, 2))\nup = self.up(y)\n"
        "joined = torch.cat([up, skip], dim=1)\nreturn self.out(joined)"), (3, 25, 25)),
    "valid_unet": (module(
        "self.down = nn.Conv2d(3, 8, 3)\nself.mid = nn.Conv2d(8, 8, 3)\n"
        "self.up = nn.ConvTranspose2d(8, 8, 2, stride=2)\nself.out = nn.Conv2d(16, 1, 1)",
        "skip = F.relu(self.down(x))\ny = self.mid(F.max_pool2d(skip, 2))\nup = self.up(y)\n"
        "return self.out(torch.cat((up, skip), 1))"), (3, 30, 30)),
    "residual": (module(
        "self.a = nn.Conv2d(8, 8, 3)\nself.b = nn.Conv2d(8, 8, 3, padding=1)",
        "y = self.b(F.relu(self.a(x)))\nreturn F.relu(x + y)"), (8, 16, 16)),
    "kernel_larger_than_the_map": (module(
        "self.conv1 = nn.Conv2d(1, 8, 3)\nself.conv2 = nn.Conv2d(8, 8, 5)",
        "x = F.max_pool2d(self.conv1(x), 2)\nreturn self.conv2(x)"), (1, 10, 10)),
    "one_pool_too_many": (
        "from torch import nn\n\n\ndef net():\n    layers, cin = [], 3\n    for c in (8, 16, 32):\n"
        "        layers += [nn.Conv2d(cin, c, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]\n        cin = c\n"
        "    layers.append(nn.MaxPool2d(kernel_size=4, stride=4))\n    return nn.Sequential(*layers)\n", (3, 16, 16)),
    "groups": (module(
        "self.a = nn.Conv2d(3, 24, 3)\nself.b = nn.Conv2d(32, 24, 3, groups=8)", "return self.b(self.a(x))"), (3, 16, 16)),
    "functional_pool": (module(
        "self.conv = nn.Conv2d(1, 4, 3)", "x = F.relu(self.conv(x))\nreturn F.max_pool2d(x, 9)"), (1, 10, 10)),
    "vgg": (module(
        "self.features = make_layers([8, 'M', 16, 'M'])\n"
        "self.classifier = nn.Sequential(nn.Linear(16 * 7 * 7, 32), nn.ReLU(), nn.Linear(32, 10))",
        "return self.classifier(torch.flatten(self.features(x), 1))",
        before="def make_layers(cfg):\n    layers, cin = [], 3\n    for v in cfg:\n        if v == 'M':\n"
        "            layers += [nn.MaxPool2d(2)]\n        else:\n"
        "            layers += [nn.Conv2d(cin, v, 3, padding=1), nn.ReLU()]\n            cin = v\n"
        "    return nn.Sequential(*layers)\n"), (3, 32, 32)),
}  # fmt: skip
"""The first function or class at the end of the source makes the network."""

KERAS: dict[str, str] = {
    "input_too_small": model(
        "inputs = keras.Input((12, 12, 3))\nx = inputs\nfor f in (8, 16, 32):\n"
        "    x = layers.MaxPooling2D()(layers.Conv2D(f, 3)(x))\nreturn keras.Model(inputs, x)"),
    "input_by_name": model(
        "inputs = keras.Input(shape=SHAPE)\nx = layers.Conv2D(8, 5)(inputs)\nx = layers.MaxPooling2D(4)(x)\n"
        "return keras.Model(inputs, layers.Dense(10)(layers.Flatten()(x)))", before="SHAPE = (7, 7, 1)"),
    "input_by_argument": model(
        "inputs = keras.Input((size, size, 3))\nx = layers.Conv2D(8, 5)(inputs)\nx = layers.Conv2D(8, 5)(x)\n"
        "return keras.Model(inputs, x)", parameters="size=6"),
    "sequential": model(
        "return keras.Sequential([keras.Input((9, 9, 1)), layers.Conv2D(8, 3), layers.MaxPooling2D(),\n"
        "                         layers.Conv2D(8, 3), layers.MaxPooling2D(), layers.Dense(4)])"),
    "sequential_by_add": model(
        "net = keras.Sequential()\nnet.add(keras.Input((10, 10, 1)))\nfor f in (4, 8):\n"
        "    net.add(layers.Conv2D(f, 5))\nnet.add(layers.Conv2D(8, 3))\nreturn net"),
    "skip_of_a_unet": model(
        "inputs = keras.Input((25, 25, 3))\nskip = layers.Conv2D(8, 3, padding='same')(inputs)\n"
        "x = layers.MaxPooling2D()(skip)\nx = layers.UpSampling2D()(x)\n"
        "x = layers.Concatenate()([x, skip])\nreturn keras.Model(inputs, layers.Conv2D(1, 1)(x))"),
    "valid_unet": model(
        "inputs = keras.Input((30, 30, 3))\nskip = layers.Conv2D(8, 3)(inputs)\n"
        "x = layers.Conv2D(8, 3)(layers.MaxPooling2D()(skip))\n"
        "x = layers.Conv2DTranspose(8, 2, strides=2)(x)\n"
        "return keras.Model(inputs, layers.Conv2D(1, 1)(layers.concatenate([skip, x])))"),
    "residual": model(
        "inputs = keras.Input((16, 16, 8))\nx = conv(conv(inputs, 8), 8)\nreturn keras.Model(inputs, layers.add([inputs, x]))",
        before="def conv(x, filters, kernel=3):\n    return layers.Conv2D(filters, kernel, activation='relu')(x)\n"),
    "residual_of_other_width": model(
        "inputs = keras.Input((16, 16, 8))\nx = layers.Conv2D(8, 3, padding='same')(inputs)\n"
        "y = layers.Conv2D(16, 3, padding='same')(x)\nreturn keras.Model(inputs, layers.Add()([x, y]))"),
    "reshape": model(
        "inputs = keras.Input((12, 12, 3))\nx = layers.Flatten()(layers.Conv2D(8, 3)(inputs))\n"
        "return keras.Model(inputs, layers.Reshape((8, 12 * 12))(x))"),
    "lacking_channels": model(
        "inputs = keras.Input((28, 28))\nx = layers.Conv2D(8, 3)(inputs)\n"
        "return keras.Model(inputs, layers.Dense(10)(layers.Flatten()(x)))"),
    "groups": model(
        "inputs = keras.Input((12, 12, 8))\nx = layers.Conv2D(12, 3)(inputs)\n"
        "return keras.Model(inputs, layers.Conv2D(16, 3, groups=8)(x))"),
    "kernel_in_a_loop": model(
        "inputs = keras.Input((9, 9, 3))\nx = inputs\nfor filters, kernel in ((8, 3), (16, 5), (32, 5)):\n"
        "    x = layers.Conv2D(filters, kernel)(x)\nreturn keras.Model(inputs, x)"),
    "recurrent": model(
        "inputs = keras.Input((20, 8))\nx = layers.LSTM(16)(inputs)\nx = layers.LSTM(8)(x)\n"
        "return keras.Model(inputs, x)"),
}  # fmt: skip
